import { Tokenizer } from "@elastic-attention/generation";
import { describe, expect, test } from "vitest";
import { dataRow, promptFamilies, trainingRow } from "../src/generate-rows.js";
import { Haystack } from "../src/haystack.js";
import { SeededRandom } from "../src/seeded-random.js";
import type { Texts } from "../src/texts.js";

const prose = Array.from({ length: 400 }, (_, i) => `The ${i}th morning was as quiet as the one before it, and nobody spoke.`).join(" ");
const code = Array.from({ length: 200 }, (_, i) => `def step_${String.fromCharCode(97 + (i % 26))}x(first, second=${i}):\n    return first + ${i}\n`).join("\n");
const both = (text: string) => ({ train: [text], heldOut: [text] });
const texts: Texts = {
  documents: { prose: both(prose), technical: both(prose), code: both(code) },
  questions: { train: [["NUM", "How many?"], ["LOC", "Where?"]], heldOut: [["HUM", "Who?"]] },
  nouns: Array.from({ length: 200 }, (_, i) => `noun${String.fromCharCode(97 + (i % 26), 97 + Math.floor(i / 26))}`),
  adjectives: ["quiet", "golden", "odd", "plain", "brave"],
};
const tokenizer = Tokenizer.load(new URL("../../../packages/demo-model/model", import.meta.url).pathname);
const haystack = new Haystack(tokenizer, texts, "train");
const rows = new Map(promptFamilies.map((family) => [family.name, dataRow(family, new SeededRandom(3, 1), haystack, 900)]));
const lastWord = (text: string) => /([\w-]+)\.?$/.exec(text)![1]!;

describe("prompt families", () => {
  test.each(promptFamilies.map(({ name }) => name))("%s keep to the budget", (name) => {
    const { context, question, answer } = rows.get(name)!;
    const count = tokenizer.encode(`${context}\n${question}\n${answer}`).length;
    expect(count).toBeGreaterThan(600);
    expect(count).toBeLessThan(960);
  });

  test.each(["noise number", "prose number", "prose word", "prose uuid", "four keys", "needles only", "facts", "multi-hop"])("%s hide their answer in the context", (name) => {
    const { context, answer } = rows.get(name)!;
    expect(context).toContain(lastWord(answer));
  });

  test("key sentences, look-ups and lists have their answers", () => {
    for (const sentence of rows.get("key sentences")!.answer.split(". ")) expect(rows.get("key sentences")!.context).toContain(sentence.replace(/\.$/, ""));
    expect(rows.get("code look-up")!.context).toContain(rows.get("code look-up")!.answer);
    const [, key] = /value of (\w+)\?/.exec(rows.get("key-values")!.question)!;
    expect(rows.get("key-values")!.context).toMatch(new RegExp(`\\b${key}\\b.*${lastWord(rows.get("key-values")!.answer)}`));
    const chain = /are: (.+)\./.exec(rows.get("variables")!.answer)![1]!.split(" ");
    for (const name of chain) expect(rows.get("variables")!.context).toContain(`VAR ${name} = `);
    const [most] = /: (\w+),/.exec(rows.get("frequent words")!.answer)!.slice(1);
    expect(rows.get("frequent words")!.context.split(most!).length).toBeGreaterThan(5);
    expect(rows.get("few-shot")!.context).toContain(`Type: ${rows.get("few-shot")!.answer}`);
  });

  test("a question about a passage is answered by a sentence that speaks of what is asked", () => {
    const { context, question, answer } = rows.get("passage")!;
    expect(context).toContain(answer);
    expect(answer.split(/\W+/).some((word) => question.includes(word) && word.length > 2)).toBe(true);
  });

  test("half of the training rows go without their family's preamble", () => {
    const withIt = Array.from({ length: 200 }, (_, index) => trainingRow(haystack, 5, index, [300, 400])).filter(({ context }) => /^(Read|Here|Some|Memorize|Below|Please)\b/.test(context));
    expect(withIt.length).toBeGreaterThan(70);
    expect(withIt.length).toBeLessThan(130);
  });

  test("a row follows from seed and index", () => {
    expect(trainingRow(haystack, 5, 7, [300, 900])).toEqual(trainingRow(new Haystack(tokenizer, texts, "train"), 5, 7, [300, 900]));
    expect(trainingRow(haystack, 5, 7, [300, 900])).not.toEqual(trainingRow(haystack, 5, 8, [300, 900]));
  });
});
