import { contextTokens, type DemoPrompt, joinWords, type PromptFamily } from "../prompt-family.js";
import type { Haystack } from "../haystack.js";
import type { SeededRandom } from "../seeded-random.js";

export const noise = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again.";

const statement = "One of the special magic {type} for {key} is: {value}.";
const preamble =
  "Some special magic {type} are hidden within the following text. Make sure to memorize it. I will quiz you about the {type} afterwards.";

type ValueKind = "number" | "word" | "uuid";
const plural: Readonly<Record<ValueKind, string>> = { number: "numbers", word: "words", uuid: "uuids" };

/** What hides the needles. */
type Hay = "prose" | "noise" | "needles";

interface NeedleOptions {
  readonly hay: Hay;
  readonly value: ValueKind;
  readonly keys: number;
  /** Values of each key. */
  readonly values: number;
  /** Keys that are asked for. */
  readonly queries: number;
}

/** Needles in a haystack as RULER asks for them, in the words the demo model was trained on. */
function needlePrompt(random: SeededRandom, haystack: Haystack, budget: number, options: NeedleOptions): DemoPrompt {
  const { hay, value, queries, values } = options;
  const fill = (template: string, key = "", text = "") =>
    template.replaceAll("{type}", plural[value]).replaceAll("{kind}", value).replaceAll("{key}", key).replaceAll("{value}", text);
  const keys = new Set<string>();
  while (keys.size < options.keys) keys.add(makeWord(random, haystack));
  const pairs = random.shuffled([...keys].flatMap((key) => Array.from({ length: values }, () => ({ key, text: makeValue(random, value, haystack) }))));
  const sentence = (key: string, text: string) => haystack.encode(` ${fill(statement, key, text)}`);
  const inserts = pairs.map(({ key, text }) => sentence(key, text));
  const cost = value === "uuid" ? 62 : 34;
  const length = contextTokens(budget, inserts.reduce((sum, insert) => sum + insert.length, 0) + 120 + cost * values * queries);
  const base = hayOf(random, haystack, hay, length, () => sentence(makeWord(random, haystack), makeValue(random, value, haystack)));
  const asked = random.shuffled([...keys]).slice(0, queries);
  // Values are listed as they appear in the text: weaving keeps the order of the pairs.
  const found = asked.flatMap((key) => pairs.filter((pair) => pair.key === key).map(({ text }) => text));
  const single = found.length === 1;
  const who = joinWords(asked);
  return {
    preamble: fill(preamble),
    context: haystack.weave(random, base, inserts),
    question: fill(single ? "What is the special magic {kind} for {key} mentioned in the provided text?" : "What are all the special magic {type} for {key} mentioned in the provided text?", who),
    answer: fill(
      single ? "The special magic {kind} for {key} mentioned in the provided text is {value}." : "The special magic {type} for {key} mentioned in the provided text are {value}.",
      who,
      joinWords(found),
    ),
  };
}

function hayOf(random: SeededRandom, haystack: Haystack, hay: Hay, length: number, needle: () => Int32Array): Int32Array {
  if (hay === "prose") return haystack.slice(random, "prose", length);
  const ids: number[] = [];
  while (ids.length < length) ids.push(...(hay === "noise" ? haystack.encode(` ${noise}`) : needle()));
  return Int32Array.from(ids.slice(0, length));
}

function makeValue(random: SeededRandom, kind: ValueKind, haystack: Haystack): string {
  if (kind === "number") return String(random.between(1_000_000, 10_000_000));
  if (kind === "word") return makeWord(random, haystack);
  const bits = Array.from({ length: 32 }, () => random.between(0, 16).toString(16)).join("");
  return [bits.slice(0, 8), bits.slice(8, 12), bits.slice(12, 16), bits.slice(16, 20), bits.slice(20)].join("-");
}

function makeWord(random: SeededRandom, { texts }: Haystack): string {
  return `${random.choice(texts.adjectives)}-${random.choice(texts.nouns)}`;
}

const family = (name: string, task: PromptFamily["task"], weight: number, options: NeedleOptions): PromptFamily => ({
  name,
  task,
  weight,
  make: (random, haystack, budget) => needlePrompt(random, haystack, budget, options),
});

export const needleFamilies: readonly PromptFamily[] = [
  family("noise number", "Single QA", 3, { hay: "noise", value: "number", keys: 1, values: 1, queries: 1 }),
  family("prose number", "Single QA", 4, { hay: "prose", value: "number", keys: 1, values: 1, queries: 1 }),
  family("prose word", "Single QA", 3, { hay: "prose", value: "word", keys: 1, values: 1, queries: 1 }),
  family("prose uuid", "Single QA", 4, { hay: "prose", value: "uuid", keys: 1, values: 1, queries: 1 }),
  family("four keys", "Single QA", 4, { hay: "prose", value: "number", keys: 4, values: 1, queries: 1 }),
  family("needles only", "Single QA", 4, { hay: "needles", value: "number", keys: 1, values: 1, queries: 1 }),
  family("four queries", "MultiHop QA", 6, { hay: "prose", value: "number", keys: 4, values: 1, queries: 4 }),
];
