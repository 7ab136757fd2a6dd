import { DatasetError } from "@elastic-attention/core";
import { Tokenizer } from "@elastic-attention/generation";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { beforeAll, describe, expect, test } from "vitest";
import { type EvaluationSuite, findSuite, planSuites, registerSuite, SamplePlan, suiteNames } from "../../src/index.js";
import { toySuite } from "./toy-suite.mjs";

const hungry: EvaluationSuite = {
  ...toySuite,
  name: "hungry",
  taskNames: ["feast"],
  presets: {},
  tasks: async () => {
    throw new DatasetError("feast.jsonl is missing.", { hint: "Download it." });
  },
};

beforeAll(() => {
  registerSuite(toySuite);
  registerSuite(hungry);
});

describe("suites by name", () => {
  test("are planned with their tasks, lengths and samples", async () => {
    const { planned } = await planSuites({ suites: ["toy"], tasks: ["count"], data: {}, lengths: [40], samplesPerTask: 3 });
    expect(planned).toMatchObject([{ suite: { name: "toy" }, tasks: [{ name: "count" }], lengths: [40], samplesPerTask: 3 }]);
  });

  test("take a preset, which options overrule", async () => {
    const { planned } = await planSuites({ suites: ["toy"], data: {}, preset: "tiny", samplesPerTask: 2 });
    expect(planned[0]).toMatchObject({ lengths: [40], samplesPerTask: 2 });
  });

  test('"all" leaves out what has no data, and says so', async () => {
    const { planned, leftOut } = await planSuites({ suites: ["all"], data: {} });
    expect(leftOut).toContainEqual({ name: "hungry", reason: "feast.jsonl is missing." });
    expect(planned.length + leftOut.length).toBe(suiteNames().length);
  });

  test("are each asked for with the tasks that are wanted, and get what is provided for them", async () => {
    const seen: unknown[] = [];
    const watching: EvaluationSuite = { ...hungry, name: "watching", tasks: async (options) => (seen.push(options), []) };
    registerSuite(watching);
    const asked: unknown[] = [];
    const provide = async ({ name, hubSources }: EvaluationSuite, wanted: readonly string[]) => {
      asked.push([name, wanted, hubSources?.map(({ dataset, file }) => `${dataset} ${file}`)]);
      return name === "watching" ? { dataDirectory: "fetched", files: { text: "fetched.txt", words: "words.txt" } } : {};
    };
    await planSuites({ suites: ["toy", "watching"], tasks: ["count", "feast"], data: { files: { text: "mine.txt" } }, provide });
    expect(asked).toEqual([["toy", ["count"], undefined], ["watching", ["feast"], undefined]]);
    expect(seen).toEqual([{ tasks: ["feast"], dataDirectory: "fetched", files: { text: "mine.txt", words: "words.txt" } }]);
    expect(findSuite("longbench-e").hubSources).toEqual([{ dataset: "zai-org/LongBench", file: "data.zip", archive: true }]);
  });

  test("are not asked for while a name is wrong, and what fetching throws is not left out", async () => {
    const provide = async () => {
      throw new TypeError("no network");
    };
    await expect(planSuites({ suites: ["toy"], tasks: ["echoo"], data: {}, provide })).rejects.toThrow("echoo");
    await expect(planSuites({ suites: ["all"], data: {}, provide })).rejects.toThrow("no network");
  });

  test.each<[string, Parameters<typeof planSuites>[0], RegExp]>([
    ["an unknown suite", { suites: ["rular"], data: {} }, /no suite called "rular"[\s\S]*Did you mean "ruler"/],
    ["an unknown task", { suites: ["toy"], tasks: ["echoo"], data: {} }, /no task called "echoo"[\s\S]*Did you mean "echo"/],
    ["an unknown preset", { suites: ["toy"], preset: "tinny", data: {} }, /no preset called "tinny"[\s\S]*Did you mean "tiny"/],
    ["missing data of a suite that was named", { suites: ["hungry"], data: {} }, /feast\.jsonl is missing[\s\S]*Download it/],
  ])("%s is an error", async (_, choice, words) => {
    await expect(planSuites(choice)).rejects.toThrow(words);
  });
});

test("a plan makes the same samples every time it is walked, with places and repetitions", async () => {
  const { planned } = await planSuites({ suites: ["toy"], data: {}, lengths: [40, 80], samplesPerTask: 2 });
  const tokenizer = Tokenizer.load(demoModelDirectory());
  const tasks: number[] = [];
  const plan = await SamplePlan.make(planned, { tokenizer, contextLength: 4096 }, (done) => tasks.push(done));
  const walk = async () => {
    const all = [];
    for await (const { sample, index, repetition } of plan.samples()) all.push([index, sample.id, repetition]);
    return all;
  };
  expect(tasks).toEqual([0, 1, 2]);
  expect(await walk()).toEqual(await walk());
  expect(await walk()).toEqual(
    ["echo", "count"].flatMap((task, t) => ["40", "80"].flatMap((length, l) => [0, 1].map((i) => [4 * t + 2 * l + i, `${task}/${length}/${i}`, i]))),
  );
});
