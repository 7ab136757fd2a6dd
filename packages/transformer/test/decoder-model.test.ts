import { OutOfMemoryError, PromptError } from "@elastic-attention/core";
import type { AttentionMode, SequenceCache } from "@elastic-attention/attention";
import { ConstantRouter, type Router, StaticRouter } from "@elastic-attention/router";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { elasticModeSettings, forward, PretrainedModel, registerModelAdapter } from "../src/index.js";
import { tinyAdapter, tinyCheckpoint } from "./tiny-checkpoint.js";

registerModelAdapter(tinyAdapter);

async function withModel(work: (model: PretrainedModel, backend: ReferenceBackend) => Promise<void>): Promise<void> {
  using folder = tinyCheckpoint();
  using backend = new ReferenceBackend();
  {
    using model = await PretrainedModel.open({ path: folder.path, backend });
    await work(model, backend);
  }
  expect(backend.memory().liveAllocations).toBe(0);
}

const prompt = (length: number, seed = 1) => Int32Array.from({ length }, (_, i) => (i * 7 + i * i * seed) % 50);
const modes = elasticModeSettings({ sinkTokens: 4, localTokens: 8, blockSize: 4, stride: 2, threshold: 0.9 });
const mixed = (): Router =>
  new StaticRouter({
    list: { version: 1, description: "", scores: [[1, 0], [0, 1]], sparsity: 0.5 },
    retrievalMode: modes.full,
    sparseMode: modes.streaming,
  });

function newCache(model: PretrainedModel, decode: "routed" | "full" = "routed"): SequenceCache {
  return model.decoder.createCache({ decode });
}

/** Logits of the last row of a prompt, then of each further token, decoded one by one. */
async function decoded(model: PretrainedModel, tokens: Int32Array, prefillLength: number, router?: Router): Promise<Float32Array[]> {
  using cache = newCache(model);
  const sequence = { tokens: tokens.subarray(0, prefillLength), cache, ...(router === undefined ? {} : { router }) };
  const rows: Float32Array[] = [];
  {
    const { logits } = await model.decoder.prefill({ sequences: [sequence] });
    using owned = logits;
    rows.push(owned.toFloat32());
  }
  for (const token of tokens.subarray(prefillLength)) {
    using logits = model.decoder.decode([token], [cache]);
    rows.push(logits.toFloat32());
  }
  return rows;
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) expect(actual[i]).toBeCloseTo(expected[i]!, 4);
}

describe("prefill and decode", () => {
  test.each([[40, 39], [40, 20], [21, 1]])("agree with every head full (%i tokens, %i prefilled)", async (length, prefillLength) => {
    await withModel(async (model) => {
      const tokens = prompt(length);
      const whole = await forward(model.decoder, tokens, length);
      const rows = await decoded(model, tokens, prefillLength);
      for (const [index, row] of rows.entries()) {
        const at = prefillLength - 1 + index;
        expectClose(row, whole.logits.subarray(at * 50, (at + 1) * 50));
      }
    });
  });

  test("agree under a held plan: a routed cache decodes what a prefill of the same plan computes", async () => {
    await withModel(async (model) => {
      const tokens = prompt(60);
      const whole = await forward(model.decoder, tokens, 60, mixed());
      expect(Array.from(whole.fullHeads)).toEqual([1, 0, 0, 1]);
      const rows = await decoded(model, tokens, 30, mixed());
      for (const [index, row] of rows.entries()) expectClose(row, whole.logits.subarray((29 + index) * 50, (30 + index) * 50));
    });
  });

  test("a batch of different lengths and routings equals each alone", async () => {
    await withModel(async (model) => {
      const routers: (Router | undefined)[] = [undefined, mixed(), new ConstantRouter(modes.streaming, modes.full), new ConstantRouter(modes.xattention as AttentionMode, modes.full)];
      const prompts = [prompt(33), prompt(1, 2), prompt(50, 3), prompt(17, 4)];
      const alone = [];
      for (const [index, tokens] of prompts.entries()) alone.push(await forward(model.decoder, tokens, 1, routers[index]));
      const caches = prompts.map(() => newCache(model));
      const sequences = prompts.map((tokens, index) => {
        const router = routers[index];
        return { tokens, cache: caches[index]!, ...(router === undefined ? {} : { router }) };
      });
      const { logits, sequences: results } = await model.decoder.prefill({ sequences });
      const together = logits.toFloat32();
      logits.dispose();
      for (const [index, { logits: expected }] of alone.entries()) expectClose(together.subarray(index * 50, (index + 1) * 50), expected);
      expect(results.map(({ routing }) => routing.assignment.flat().reduce((a, b) => a + b, 0))).toEqual([0, 2, 4, 4]);
      for (const cache of caches) cache.dispose();
    });
  });

  test("routed caches keep less, full ones everything", async () => {
    await withModel(async (model) => {
      const bytes = async (decode: "routed" | "full") => {
        using cache = newCache(model, decode);
        const { logits } = await model.decoder.prefill({ sequences: [{ tokens: prompt(100), cache, router: mixed() }] });
        logits.dispose();
        return cache.byteLength;
      };
      const full = await bytes("full");
      expect(full).toBe(2 * 4 * 2 * 2 * 8 * 100);
      // Half of the heads keep 4 sink and 8 ring tokens of 100.
      expect(await bytes("routed")).toBe((full / 100) * (50 + 6));
    });
  });
});

describe("what is refused before any work", () => {
  test("empty prompts, foreign ids, prompts beyond the context", async () => {
    await withModel(async (model) => {
      const prefill = async (tokens: ArrayLike<number>) => {
        using cache = newCache(model);
        await model.decoder.prefill({ sequences: [{ tokens, cache }] });
      };
      await expect(prefill([])).rejects.toThrow(PromptError);
      await expect(prefill([50])).rejects.toThrow(/vocabulary of 50/);
      await expect(prefill([1.5])).rejects.toThrow(PromptError);
      await expect(prefill(prompt(201))).rejects.toThrow(/201 tokens; the model's context is 200/);
    });
  });

  test("memory that runs out in the middle gives everything back", async () => {
    await withModel(async (model, backend) => {
      const before = backend.memory().liveAllocations;
      for (let room = 1000; room < 40_000; room += 2500) {
        backend.setMemoryLimit(backend.memory().liveBytes + room);
        using cache = newCache(model);
        await expect(model.decoder.prefill({ sequences: [{ tokens: prompt(120), cache }] })).rejects.toThrow(OutOfMemoryError);
        backend.setMemoryLimit(undefined);
        cache.dispose();
        // The rope table stays: it belongs to the model.
        expect(backend.memory().liveAllocations - before).toBeLessThanOrEqual(2);
      }
      expect((await forward(model.decoder, prompt(5), 1)).rows).toBe(1);
    });
  });

  test("an abort ends the prefill between two layers and empties the cache", async () => {
    await withModel(async (model) => {
      using cache = newCache(model);
      const controller = new AbortController();
      const onProgress = () => controller.abort(new Error("enough"));
      await expect(
        model.decoder.prefill({ sequences: [{ tokens: prompt(30), cache }], onProgress, signal: controller.signal }),
      ).rejects.toThrow("enough");
      expect(cache.byteLength).toBe(0);
    });
  });
});
