import { ElasticAttentionError } from "@elastic-attention/core";
import { PretrainedModel } from "@elastic-attention/transformer";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LocalEngine, readTokenizerFiles } from "../../src/index.js";
import { problemsOf, runNext, runScenario, someCalls } from "../doubles/fault-scenario.mjs";
import { Fault, FaultyBackend, FaultyTokenizer } from "../doubles/faulty-backend.js";
import { type TinyModelOptions, writeTinyModel } from "../doubles/tiny-model.js";

/** Calls that fail in turn; ELASTIC_ATTENTION_EVERY_FAULT=1 takes each of them. */
const mostCalls = process.env["ELASTIC_ATTENTION_EVERY_FAULT"] === "1" ? Infinity : 40;

const rejections: unknown[] = [];
const remember = (reason: unknown) => void rejections.push(reason);
beforeEach(() => void process.on("unhandledRejection", remember));
afterEach(() => void process.off("unhandledRejection", remember));

const isTyped = (error: unknown) => ElasticAttentionError.isInstance(error);

function withinSeconds<Result>(work: Promise<Result>, what: string): Promise<Result> {
  const late = new Promise<never>((_, reject) => setTimeout(() => reject(new Error(`${what} hangs`)), 20_000).unref());
  return Promise.race([work, late]);
}

describe.each<[string, TinyModelOptions]>([
  ["a model whose heads are full", {}],
  ["a model with learned routers", { router: true }],
])("a fault at any call, %s", (_, options) => {
  test("ends one request at most, with a typed error; others give their text, memory is back and the next one works", async () => {
    using folder = writeTinyModel({ ...options, contextLength: 64 });
    const fault = new Fault();
    using backend = new FaultyBackend(fault);
    const tokenizer = new FaultyTokenizer(readTokenizerFiles(folder.path));
    const engine = LocalEngine.over(await PretrainedModel.open({ path: folder.path, backend }), tokenizer, { name: "tiny", prefillBudgetMilliseconds: 1 });
    await runNext(engine);
    tokenizer.fault = fault;
    fault.arm(undefined);
    const expected = await runScenario(engine);
    const calls = fault.calls;
    const next = await runNext(engine);
    expect(problemsOf({ ...expected, next }, { ...expected, next }, () => false)).toEqual([]);
    const base = backend.memory();
    const bad: string[] = [];
    let failed = 0;
    for (const call of someCalls(calls, mostCalls)) {
      fault.arm(call);
      const outcomes = await withinSeconds(runScenario(engine), `the scenario with call ${call} failing`);
      const { hit } = fault;
      fault.arm(undefined);
      failed += Object.values(outcomes).filter(({ error }) => error !== undefined).length;
      const after = await withinSeconds(runNext(engine), "the next request");
      const problems = problemsOf({ ...outcomes, after }, { ...expected, after: next }, isTyped);
      const { liveAllocations, liveBytes } = backend.memory();
      if (after.error !== undefined) problems.push(`the next request fails: ${JSON.stringify(after.error)}`);
      if (liveAllocations !== base.liveAllocations || liveBytes !== base.liveBytes) problems.push(`${liveBytes - base.liveBytes} bytes stay`);
      bad.push(...problems.map((problem) => `call ${call} (${hit}): ${problem}`));
    }
    await engine[Symbol.asyncDispose]();
    expect(bad).toEqual([]);
    expect(rejections).toEqual([]);
    // The faults were there to be seen.
    expect(failed).toBeGreaterThan(Math.min(calls, mostCalls) / 4);
    expect(backend.memory().liveAllocations).toBe(0);
  }, 900_000);
});
