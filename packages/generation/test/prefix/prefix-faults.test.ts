import { ElasticAttentionError } from "@elastic-attention/core";
import { type Backend, CopiedTensor } from "@elastic-attention/tensor";
import { PretrainedModel } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { type GenerationRequest, LocalEngine, readTokenizerFiles, Tokenizer } from "../../src/index.js";
import { someCalls } from "../doubles/fault-scenario.mjs";
import { Fault, FaultyBackend } from "../doubles/faulty-backend.js";
import { answer, someTokens } from "../doubles/running-engine.js";
import { writeTinyModel } from "../doubles/tiny-model.js";

/** Calls that fail in turn; ELASTIC_ATTENTION_EVERY_FAULT=1 takes each of them. */
const mostCalls = process.env["ELASTIC_ATTENTION_EVERY_FAULT"] === "1" ? Infinity : 24;
const heads = { version: 1, description: "", scores: [[3, 1], [2, 0], [5, 4]], sparsity: 0.5 };
const document = someTokens(280);

/** A faulty backend whose keys and values lie in pages. */
class FaultyPagedBackend extends FaultyBackend {
  readonly reserve: NonNullable<Backend["reserve"]> = (maximumRows, rowLength, dtype) => new CopiedTensor(this, maximumRows, rowLength, dtype);
}

const requests: readonly GenerationRequest[] = [
  { tokens: document, maxNewTokens: 2, sparsity: 0.5 },
  { tokens: [...document, ...someTokens(9, 3)], maxNewTokens: 3, sparsity: 0.5 },
  { tokens: document, maxNewTokens: 0, prefix: "pin" },
  { tokens: [...document, ...someTokens(12, 4)], maxNewTokens: 2, sparsity: 1 },
];

describe("a fault at any call while prefixes are cached and used", () => {
  test("ends one request at most, others give their text, and no page stays behind what is cached", async () => {
    using folder = writeTinyModel({ heads, contextLength: 400 });
    const fault = new Fault();
    using backend = new FaultyPagedBackend(fault);
    const model = await PretrainedModel.open({ path: folder.path, backend });
    const engine = LocalEngine.over(model, new Tokenizer(readTokenizerFiles(folder.path)), { name: "tiny" });
    const pool = model.decoder.pagePool!;
    const run = async () => {
      const outcomes = [];
      for (const request of requests) {
        outcomes.push(await answer(engine, request).then(({ tokens, finish }) => ({ tokens, reused: finish.report.reusedTokens }), (error: unknown) => ({ error })));
      }
      return outcomes;
    };
    await run();
    await engine.clearPrefixCache();
    fault.arm(undefined);
    const expected = await run();
    const calls = fault.calls;
    expect(expected).toMatchObject([{ reused: 0 }, { reused: 256 }, { reused: 0 }, { reused: 256 }]);
    await engine.clearPrefixCache();
    expect(pool.report().pagesInUse).toBe(0);
    const base = backend.memory();
    for (const call of someCalls(calls, mostCalls)) {
      fault.arm(call);
      const outcomes = await run();
      fault.arm(undefined);
      const failed = outcomes.filter((outcome) => "error" in outcome);
      expect(failed.length, `call ${call}`).toBeLessThanOrEqual(1);
      for (const [index, outcome] of outcomes.entries()) {
        if ("error" in outcome) expect(ElasticAttentionError.isInstance(outcome.error), `call ${call}: ${String(outcome.error)}`).toBe(true);
        // What was not cached is read: the text is the same.
        else if (index !== 3 || outcome.reused > 0) expect(outcome.tokens, `call ${call}`).toEqual((expected[index] as typeof outcome).tokens);
      }
      const { prefixCache } = await engine.report();
      expect(pool.report().bytesInUse, `call ${call}`).toBe(prefixCache.bytes);
      await engine.clearPrefixCache();
      expect(pool.report().pagesInUse, `call ${call}`).toBe(0);
      expect(backend.memory()).toMatchObject({ liveAllocations: base.liveAllocations, liveBytes: base.liveBytes });
    }
    await engine[Symbol.asyncDispose]();
    expect(backend.memory().liveAllocations).toBe(0);
  }, 900_000);

  test("an abort at any step of a request that goes on from a prefix leaves what is cached, and no more", async () => {
    using folder = writeTinyModel({ heads, contextLength: 400 });
    using backend = new FaultyPagedBackend(new Fault());
    const model = await PretrainedModel.open({ path: folder.path, backend });
    const engine = LocalEngine.over(model, new Tokenizer(readTokenizerFiles(folder.path)), { name: "tiny" });
    await answer(engine, requests[0]!);
    for (const events of [1, 2, 3, 4, 5]) {
      const controller = new AbortController();
      let seen = 0;
      for await (const event of engine.generate({ ...requests[1]!, signal: controller.signal })) {
        if (++seen === events) controller.abort();
        if (event.type === "finish") break;
      }
      expect(model.decoder.pagePool!.report().bytesInUse).toBe((await engine.report()).prefixCache.bytes);
    }
    await engine[Symbol.asyncDispose]();
    expect(backend.memory().liveAllocations).toBe(0);
  });
});
