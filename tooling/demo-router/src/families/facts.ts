import { contextTokens, type PromptFamily } from "../prompt-family.js";
import type { SeededRandom } from "../seeded-random.js";
import { factObjects, firstNames, lastNames, personFacts, towns } from "../vocabularies.js";
import { noise } from "./needles.js";

const person = (random: SeededRandom) => `${random.choice(firstNames)} ${random.choice(lastNames)}`;
const total = (inserts: readonly Int32Array[]) => inserts.reduce((sum, { length }) => sum + length, 0);
export const readText = "Read the following text and answer the question about it.";

/** Facts about invented people in running prose; one is asked for. */
const facts: PromptFamily = {
  name: "facts",
  task: "Single QA",
  weight: 6,
  make(random, haystack, budget) {
    const turns = Array.from({ length: 4 }, () => {
      const fact = random.choice(personFacts);
      const values: Readonly<Record<string, string>> = { p: person(random), v: random.choice(fact.values), o: random.choice(factObjects) };
      const fill = (template: string) => template.replace(/\{(\w)\}/g, (_, key: string) => values[key]!);
      return { insert: haystack.encode(` ${fill(fact.statement)}`), question: fill(fact.question), answer: fill(fact.answer) };
    });
    const inserts = turns.map(({ insert }) => insert);
    const base = haystack.slice(random, "prose", contextTokens(budget, total(inserts) + 100));
    const { question, answer } = turns[0]!;
    return { preamble: readText, context: haystack.weave(random, base, random.shuffled(inserts)), question, answer };
  },
};

/** Two facts must be joined: a person's town, and who is something in that town. */
const multiHop: PromptFamily = {
  name: "multi-hop",
  task: "MultiHop QA",
  weight: 8,
  make(random, haystack, budget) {
    const inserts: Int32Array[] = [];
    const turns = random.pick(towns, random.between(2, 6)).map((town) => {
      const [who, other] = [person(random), person(random)];
      const office = random.choice(["mayor", "doctor", "judge", "teacher", "librarian"]);
      const lives = `${who} lives in the town of ${town}.`;
      const holds = `The ${office} of ${town} is ${other}.`;
      inserts.push(haystack.encode(` ${lives}`), haystack.encode(` ${holds}`));
      return { question: `Who is the ${office} of the town where ${who} lives?`, answer: `${lives} ${holds}` };
    });
    const base = haystack.slice(random, "prose", contextTokens(budget, total(inserts) + 110));
    return { preamble: readText, context: haystack.weave(random, base, random.shuffled(inserts)), ...turns[0]! };
  },
};

/** Chains `VAR A = 12345`, `VAR B = VAR A`: every variable that has a value (RULER). */
const variables: PromptFamily = {
  name: "variables",
  task: "MultiHop QA",
  weight: 8,
  make(random, haystack, budget) {
    const chain = Array.from({ length: 5 }, () => Array.from({ length: 5 }, () => String.fromCharCode(65 + random.between(0, 26))).join(""));
    const value = random.between(10_000, 100_000);
    const lines = [` VAR ${chain[0]} = ${value}.`, ...chain.slice(1).map((name, index) => ` VAR ${name} = VAR ${chain[index]}.`)];
    const inserts = lines.map((line) => haystack.encode(line));
    const length = contextTokens(budget, total(inserts) + 120);
    const base = random.next() < 0.5 ? haystack.slice(random, "prose", length) : repeat(haystack.encode(` ${noise}`), length);
    return {
      preamble: "Memorize and track the chain(s) of variable assignment hidden in the following text.",
      context: haystack.weave(random, base, inserts),
      question: `Find all variables that are assigned the value ${value} in the text above.`,
      answer: `The variables that are assigned the value ${value} in the text above, they are: ${chain.join(" ")}.`,
    };
  },
};

/** A long list of keys and values, and one look-up. */
const keyValues: PromptFamily = {
  name: "key-values",
  task: "Single QA",
  weight: 4,
  make(random, haystack, budget) {
    const style = random.choice(['"{k}": "{v}",', "{k}: {v}", "| {k} | {v} |", "{k} = {v}"]);
    const hexadecimal = () => Array.from({ length: 8 }, () => random.between(0, 16).toString(16)).join("");
    const make = random.next() < 0.4 ? hexadecimal : () => random.choice(haystack.texts.nouns);
    const pairs = new Map<string, string>();
    const lines: string[] = [];
    for (let room = contextTokens(budget, 110); room > 0; ) {
      const key = make();
      if (pairs.has(key)) continue;
      const value = random.next() < 0.5 ? String(random.between(1000, 1_000_000)) : make();
      const line = style.replace("{k}", key).replace("{v}", value);
      pairs.set(key, value);
      lines.push(line);
      room -= haystack.encode(`\n${line}`).length;
    }
    const asked = random.choice([...pairs.keys()]);
    return { preamble: "Here is a list of keys and values.", context: lines.join("\n"), question: `What is the value of ${asked}?`, answer: `The value of ${asked} is ${pairs.get(asked)!}.` };
  },
};

function repeat(ids: Int32Array, length: number): Int32Array {
  return Int32Array.from({ length }, (_, index) => ids[index % ids.length]!);
}

export const factFamilies: readonly PromptFamily[] = [facts, multiHop, variables, keyValues];
