import { contextTokens, type PromptFamily, sentencesOf } from "../prompt-family.js";
import type { SeededRandom } from "../seeded-random.js";
import type { TextKind } from "../texts.js";

const document = (random: SeededRandom) => random.weighted([["prose", 70], ["technical", 30]] as const);

/** A numbered list in which some words come back far more often than the others (RULER). */
const frequentWords: PromptFamily = {
  name: "frequent words",
  task: "MultiHop QA",
  weight: 2,
  make(random, haystack, budget) {
    const room = contextTokens(budget, 110);
    const common = random.pick(haystack.texts.nouns, 3);
    const rare = random.pick(haystack.texts.nouns, 1500);
    const amount = Math.floor(room / 5);
    const often = Math.max(random.choice([5, 8, 12]), Math.floor(amount / 18));
    const words = common.flatMap((word) => Array.from({ length: often }, () => word));
    while (words.length < amount) words.push(random.choice(rare));
    const shuffled = random.shuffled(words);
    const pieces: string[] = [];
    for (let left = room; pieces.length < shuffled.length; ) {
      const piece = ` ${pieces.length + 1}. ${shuffled[pieces.length]!}`;
      left -= haystack.encode(piece).length;
      if (left < 0) break;
      pieces.push(piece);
    }
    const order = common.toSorted((a, b) => shuffled.indexOf(a) - shuffled.indexOf(b));
    return {
      preamble: "Below is a numbered list of words. In these words, some appear more often than others. Memorize the ones that appear most often.",
      context: pieces.join(""),
      question: "What are the 3 most common words in the above list?",
      answer: `The most common words are: ${order.join(", ")}.`,
    };
  },
};

/** A summary: the marked key sentences of a document, in order. */
const keySentences: PromptFamily = {
  name: "key sentences",
  task: "Summarization",
  weight: 12,
  make(random, haystack, budget) {
    const mark = random.choice(["Key point: ", "Important: ", "In short, ", "The main finding: ", "Summary: "]);
    const source = sentencesOf(haystack.decode(haystack.slice(random, "prose", 1500)));
    const chosen = Array.from({ length: 3 }, () => (source.length === 0 ? "The story goes on." : random.choice(source)));
    const inserts = chosen.map((sentence) => haystack.encode(`\n${mark}${sentence}\n`));
    const cost = inserts.reduce((sum, { length }) => sum + length, 0);
    const base = haystack.slice(random, document(random), contextTokens(budget, 2 * cost + 80));
    return {
      preamble: "Here is a document to summarize.",
      context: haystack.weave(random, base, inserts),
      question: random.choice([
        "Summarize the document.",
        "State the key points of the document.",
        "What are the main points of the text?",
        "Summarize the text above.",
        "Write a short summary of the text.",
        "Give a summary of the document in a few sentences.",
        "What is the text about?",
      ]),
      answer: chosen.join(" "),
    };
  },
};

/** A text but for its end, and how it goes on. */
const continuationOf = (
  { preamble, kind, ...family }: Pick<PromptFamily, "name" | "task" | "weight"> & { preamble: string; kind: (random: SeededRandom) => TextKind },
): PromptFamily => ({
  ...family,
  openEnded: true,
  make(random, haystack, budget) {
    const ids = haystack.slice(random, kind(random), contextTokens(budget, 60));
    const cut = ids.length - 60;
    return { preamble, context: haystack.decode(ids.slice(0, cut)), question: "Continue the text.", answer: haystack.decode(ids.slice(cut)).trim() };
  },
});

/** Local work, as the most of a summary is. */
const continuation = continuationOf({ name: "continuation", task: "Summarization", weight: 8, preamble: "Here is a text.", kind: document });

const sourceCode = "Here is some source code.";
const codeContinuation = continuationOf({ name: "code continuation", task: "Code", weight: 12, preamble: sourceCode, kind: () => "code" });

/** Question types from examples; half of the time under other labels. */
const fewShot: PromptFamily = {
  name: "few-shot",
  task: "In-Context Learning",
  weight: 20,
  make(random, haystack, budget) {
    const types = ["DESC", "ENTY", "ABBR", "HUM", "LOC", "NUM"];
    const natural = ["description", "entity", "abbreviation", "person", "location", "number"];
    const labels = random.next() < 0.5 ? natural : random.pick(haystack.texts.nouns, types.length);
    const label = (type: string) => labels[types.indexOf(type)]!;
    const examples: string[] = [];
    for (let room = contextTokens(budget, 150); room > 0; ) {
      const [type, question] = random.choice(haystack.questions);
      const example = `\nQuestion: ${question}\nType: ${label(type)}\n`;
      examples.push(example);
      room -= haystack.encode(example).length;
    }
    const [type, question] = random.choice(haystack.questions);
    return {
      preamble: "Please determine the type of the question below. Here are some examples of questions.",
      context: examples.join(""),
      question: `Question: ${question}\nType:`,
      answer: label(type),
    };
  },
};

/** The arguments of a function that a source file defines. */
const codeLookup: PromptFamily = {
  name: "code look-up",
  task: "Code",
  weight: 8,
  make(random, haystack, budget) {
    const ids = haystack.slice(random, "code", contextTokens(budget, 130));
    const text = haystack.decode(ids);
    const found = [...text.matchAll(/^\s*(?:def|function|export function|async def) (\w{3,30})(\([^()\n]{1,90}\))/gm)];
    if (found.length === 0) return codeContinuation.make(random, haystack, budget);
    const [, name, signature] = random.choice(found);
    return { preamble: sourceCode, context: text, question: `Which arguments does the function ${name} take?`, answer: `${name}${signature}` };
  },
};

export const wholeTextFamilies: readonly PromptFamily[] = [frequentWords, keySentences, continuation, fewShot, codeLookup, codeContinuation];
