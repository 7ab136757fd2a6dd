import { describe, expect, test } from "vitest";
import { rulerTaskNames, type EvaluationSample } from "../../src/index.js";
import { plainTokenizer, promptText, samplesOf } from "../demo-tokenizer.js";
import { count, ruler, rulerTask, shareOf } from "./ruler-task.js";

async function sample(name: string, length = 2048): Promise<EvaluationSample> {
  return (await samplesOf(await rulerTask(name), { lengths: [length], samplesPerTask: 1 }))[0]!;
}

test("13 tasks, of which the paper takes 11 with 50 samples from 8K to 256K", async () => {
  expect((await ruler.tasks({})).map(({ name }) => name)).toEqual([...rulerTaskNames]);
  expect(rulerTaskNames).toHaveLength(13);
  expect(ruler.presets["paper"]!.tasks).toHaveLength(11);
  expect(ruler.presets["paper"]!.tasks).not.toContain("vt");
  expect(ruler.presets["paper"]!.lengths!.at(-1)).toBe(262_144);
});

describe("prompt and answer together are 98 to 100% of the target length", () => {
  test.each(rulerTaskNames)("%s", async (name) => {
    const each = await rulerTask(name);
    for (const [length, samplesPerTask] of [
      [4096, 2],
      [8192, 1],
    ] as const) {
      for (const one of await samplesOf(each, { lengths: [length], samplesPerTask })) {
        expect(shareOf(one, length)).toBeGreaterThanOrEqual(0.98);
        expect(shareOf(one, length)).toBeLessThanOrEqual(1);
        expect(one.lengthBucket).toBe(String(length));
      }
    }
  });

  test("for a tokenizer without chat template, as raw prompts", async () => {
    const tokenizer = plainTokenizer();
    const [one] = await samplesOf(await rulerTask("niah_single_2"), { tokenizer, lengths: [4096], samplesPerTask: 1 });
    expect(one!.messages).toBeUndefined();
    expect(shareOf(one!, 4096, tokenizer)).toBeGreaterThanOrEqual(0.98);
    expect(shareOf(one!, 4096, tokenizer)).toBeLessThanOrEqual(1);
  });

  test("for a tokenizer whose pieces count otherwise than the whole", async () => {
    // Every text costs one token for each 50 characters more than its parts do, as if words were split across spaces.
    const tokenizer = { ...plainTokenizer(), encode: (text: string) => new Int32Array(Math.ceil(text.length / 4) + Math.floor(text.length / 50) + 3) };
    const [one] = await samplesOf(await rulerTask("niah_single_1"), { tokenizer, lengths: [4096], samplesPerTask: 1 });
    expect(shareOf(one!, 4096, tokenizer)).toBeGreaterThanOrEqual(0.98);
    expect(shareOf(one!, 4096, tokenizer)).toBeLessThanOrEqual(1);
  });
});

test("the same seed gives the same samples, alone or in a row; another seed others", async () => {
  for (const each of await ruler.tasks({})) {
    const ten = await samplesOf(each, { lengths: [2048], samplesPerTask: 4 });
    const one = await samplesOf(each, { lengths: [2048], samplesPerTask: 2 });
    expect(one).toEqual(ten.slice(0, 2));
    expect(new Set(ten.map(promptText)).size).toBe(4);
    if (each.name.startsWith("qa")) continue;
    expect(promptText((await samplesOf(each, { lengths: [2048], samplesPerTask: 1, seed: 7 }))[0]!)).not.toBe(promptText(ten[0]!));
  }
});

describe("what stands in the prompts", () => {
  test("one needle: its value once, its key in needle, question and answer prefix", async () => {
    for (const name of ["niah_single_1", "niah_single_2", "niah_single_3"]) {
      const one = await sample(name);
      const [value] = one.references;
      const key = /for (\S+) mentioned/.exec(one.answerPrefix!)![1]!;
      expect(promptText(one)).toContain(`for ${key} is: ${value}.`);
      expect(count(promptText(one), value!)).toBe(1);
      expect(count(promptText(one), key)).toBe(2);
      expect(one.answerPrefix).toMatch(/^ The special magic (number|uuid) for \S+ mentioned in the provided text is$/);
    }
  });

  test("haystacks: noise, the book, and needles", async () => {
    expect(count(promptText(await sample("niah_single_1")), "The grass is green.")).toBeGreaterThan(40);
    expect(promptText(await sample("niah_single_2"))).toContain("Call me Ishmael.");
    const needles = promptText(await sample("niah_multikey_2"));
    const keys = [...needles.matchAll(/numbers for (\S+) is:/g)].map((match) => match[1]);
    expect(keys.length).toBeGreaterThan(40);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("four keys, four values, four queries", async () => {
    expect(count(promptText(await sample("niah_multikey_1")), "One of the special magic numbers for")).toBe(4);
    const values = await sample("niah_multivalue");
    expect(values.references).toHaveLength(4);
    for (const value of values.references) expect(promptText(values)).toContain(`is: ${value}.`);
    const queries = await sample("niah_multiquery");
    expect(queries.references).toHaveLength(4);
    expect(queries.answerPrefix).toMatch(/for \S+, \S+, \S+, and \S+ mentioned in the provided text are$/);
  });

  test("variable tracking: a chain of five in order, behind a solved example", async () => {
    const one = await sample("vt");
    const text = promptText(one);
    const value = /assigned the value (\d+), they are: $/.exec(one.answerPrefix!)![1]!;
    const [first, second] = one.references;
    expect(one.references).toHaveLength(5);
    expect(text).toContain(`VAR ${first} = ${value}\n`);
    expect(text.indexOf(`VAR ${second} = VAR ${first}`)).toBeGreaterThan(text.indexOf(`VAR ${first} = ${value}`));
    expect(count(text, "Memorize and track")).toBe(2);
  });

  test("common words: each ten times as often as the others", async () => {
    for (const [length, common, others] of [
      [2048, 6, 1],
      [8192, 30, 3],
    ] as const) {
      const one = await sample("cwe", length);
      const list = promptText(one).split("attention").at(-1)!.split("Memorize the ones that appear most often.\n").at(-1)!.split("\nQuestion")[0]!;
      const counts = new Map<string, number>();
      for (const [, word] of list.matchAll(/\d+\. (\S+)/g)) counts.set(word!, (counts.get(word!) ?? 0) + 1);
      expect(one.references).toHaveLength(10);
      for (const [word, times] of counts) expect([word, times]).toEqual([word, one.references.includes(word) ? common : others]);
      expect(counts.size).toBeGreaterThan(20);
    }
  });

  test("frequent words: the three most frequent but for the noise", async () => {
    const one = await sample("fwe");
    const counts = new Map<string, number>();
    for (const word of promptText(one).split("coded words. ")[1]!.split("\nQuestion")[0]!.split(" ")) counts.set(word, (counts.get(word) ?? 0) + 1);
    const ranked = [...counts].toSorted((left, right) => right[1] - left[1]);
    expect(ranked[0]![0]).toBe("...");
    expect(ranked.slice(1, 4).map(([word]) => word)).toEqual([...one.references]);
    expect(ranked[3]![1]).toBeGreaterThan(ranked[4]![1]);
    // Counts follow rank^-2.
    expect(ranked[1]![1] / ranked[0]![1]).toBeCloseTo(1 / 4, 1);
  });

  test("questions: the answering documents are there, numbered from 1", async () => {
    for (const name of ["qa_1", "qa_2"]) {
      const one = await sample(name, 4096);
      const text = promptText(one);
      for (const answer of one.references) expect(text).toContain(answer);
      const numbers = [...text.matchAll(/^Document (\d+):$/gm)].map((match) => Number(match[1]));
      expect(numbers).toEqual(numbers.map((_, index) => index + 1));
      expect(numbers.length).toBeGreaterThan(10);
    }
  });
});

test("scores: needles by share, questions by any answer", async () => {
  const values = await rulerTask("niah_multivalue");
  const [one] = await samplesOf(values, { lengths: [2048], samplesPerTask: 1 });
  expect(values.score(one!, `${one!.references[0]} and ${one!.references[2]}`)).toBe(0.5);
  const questions = await rulerTask("qa_1");
  const [asked] = await samplesOf(questions, { lengths: [2048], samplesPerTask: 1 });
  expect(questions.score(asked!, `It is ${asked!.references[0]!.toUpperCase()}.`)).toBe(1);
  expect(questions.score(asked!, "I do not know.")).toBe(0);
});

test("unknown tasks, lengths beyond the context, and lengths too short are refused", async () => {
  await expect(ruler.tasks({ tasks: ["niah_singel_1"] })).rejects.toThrow('Did you mean "niah_single_1"?');
  await expect(samplesOf(await rulerTask("vt"), { lengths: [32_768], samplesPerTask: 1 })).rejects.toThrow("longer than the model's context of 16384");
  await expect(samplesOf(await rulerTask("vt"), { contextLength: 2048 })).rejects.toThrow("shorter than every length of ruler");
  for (const name of rulerTaskNames) {
    await expect(samplesOf(await rulerTask(name), { lengths: [140], samplesPerTask: 1 })).rejects.toThrow(/needs more than 140 tokens|no three most frequent/);
  }
});

test("a chat template that is asked for must be there", async () => {
  const options = { tokenizer: plainTokenizer(), lengths: [2048], samplesPerTask: 1 };
  await expect(samplesOf(await rulerTask("vt"), { ...options, chatFormat: "template" })).rejects.toThrow("has no chat template");
  const [raw] = await samplesOf(await rulerTask("vt"), { lengths: [2048], samplesPerTask: 1, chatFormat: "none" });
  expect(raw!.prompt).toBeDefined();
});
