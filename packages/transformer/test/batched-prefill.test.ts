import { MemoryScope, OutOfMemoryError, PromptError, ShapeError } from "@elastic-attention/core";
import { HeadPlan, PagePool, SequenceCache } from "@elastic-attention/attention";
import { ConstantRouter, LearnedRouter, type Router, SparsityDial, StaticRouter } from "@elastic-attention/router";
import { type Backend, CopiedTensor, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { DecoderModel, elasticModeSettings, ModelConfig } from "../src/index.js";
import { tinyAdapter, tinyConfig } from "./tiny-checkpoint.js";
import { randomRouters } from "./training/training-doubles.js";

const modes = elasticModeSettings({ sinkTokens: 4, localTokens: 8, blockSize: 4, stride: 2, threshold: 0.9 });
const prompt = (length: number, seed = 1) => Int32Array.from({ length }, (_, i) => (i * 7 + i * i * seed) % 50);

interface Fixture {
  readonly backend: ReferenceBackend;
  readonly model: DecoderModel;
  readonly scope: MemoryScope;
  /** Prompts of different lengths, with routers of every kind. */
  readonly prompts: readonly { readonly tokens: Int32Array; readonly router?: Router }[];
}

async function withModel(work: (fixture: Fixture) => Promise<void>, contextLength = 4000): Promise<void> {
  const backend = new ReferenceBackend();
  {
    using scope = new MemoryScope();
    const spec = tinyAdapter.spec(new ModelConfig({ ...tinyConfig, max_position_embeddings: contextLength }));
    const model = scope.track(DecoderModel.random({ backend, spec, dtype: "f32" }));
    const layers = randomRouters(backend, spec.numLayers, spec.headDim).map((layer) => scope.track(layer));
    const learned = new LearnedRouter({ layers, retrievalMode: modes.full, sparseMode: modes.streaming });
    const other = new LearnedRouter({ layers: layers.toReversed(), retrievalMode: modes.full, sparseMode: modes.streaming });
    const selecting = new LearnedRouter({ layers, retrievalMode: modes.full, sparseMode: modes.xattention });
    const list = { version: 1, description: "", scores: [[4, 1], [3, 2]], sparsity: 0.5 } as const;
    const routers = [
      learned,
      learned,
      undefined,
      other,
      new SparsityDial({ router: learned, target: 0.5, numLayers: spec.numLayers }),
      selecting,
      new ConstantRouter(modes.streaming, modes.full),
      learned,
      new StaticRouter({ list, retrievalMode: modes.full, sparseMode: modes.streaming }),
    ];
    const prompts = routers.map((router, index) => {
      const tokens = prompt([40, 3, 61, 1, 29, 90, 17, 33, 52][index]!, index + 1);
      return router === undefined ? { tokens } : { tokens, router };
    });
    await work({ backend, model, scope, prompts });
  }
  expect(backend.memory().liveAllocations).toBe(0);
}

function pagedCache({ spec, dtype }: DecoderModel, backend: Backend, pool: PagePool): SequenceCache {
  const { numLayers, numKeyValueHeads, headDim } = spec;
  return new SequenceCache({ backend, numLayers, numKeyValueHeads, headDim, dtype, pool });
}

describe("prompts that are read together", () => {
  test.each(["tensors", "pages"])("give each what it gets alone, bit for bit, in %s of their own", async (storage) => {
    await withModel(async ({ backend, model, scope, prompts }) => {
      const pool = scope.track(new PagePool({ backend, headDim: model.spec.headDim, dtype: "f32" }));
      const newCache = () => scope.track(storage === "pages" ? pagedCache(model, backend, pool) : model.createCache());
      const logitsRows = 2;
      const read = async (each: Fixture["prompts"]) => {
        const caches = each.map(newCache);
        const { logits, sequences } = await model.prefill({ sequences: each.map((one, index) => ({ ...one, cache: caches[index]! })), logitsRows });
        const results = sequences.map(({ logits: rows, routing }, index) => {
          return { rows: rows.numRows, values: rows.toFloat32(), routing, bytes: caches[index]!.byteLength, length: caches[index]!.length };
        });
        expect(logits.numRows).toBe(results.reduce((sum, { rows }) => sum + rows, 0));
        logits.dispose();
        // Each goes on by itself.
        return results.map((result, index) => {
          using next = model.decode([7], [caches[index]!]);
          return { ...result, next: next.toFloat32() };
        });
      };
      const together = await read(prompts);
      const alone = [];
      for (const one of prompts) alone.push(...(await read([one])));
      expect(together).toEqual(alone);
      expect(together.map(({ rows }) => rows)).toEqual(prompts.map(({ tokens }) => Math.min(logitsRows, tokens.length)));
      // Not all of them were routed alike, and some chose blocks.
      expect(new Set(together.map(({ routing }) => JSON.stringify(routing.assignment))).size).toBeGreaterThan(3);
      expect(together[5]!.routing.modes.flat().some(({ kind }) => kind === "xattention")).toBe(true);
    });
  });

  test("may stand beside sequences that go on", async () => {
    await withModel(async ({ model, scope, prompts }) => {
      const [first, second] = [prompts[0]!, prompts[4]!];
      const turns = async (together: boolean) => {
        const caches = [0, 1].map(() => scope.track(model.createCache()));
        const started = { ...first, cache: caches[0]! };
        (await model.prefill({ sequences: [started] })).logits.dispose();
        const later = [{ tokens: prompt(11, 5), cache: caches[0]! }, { ...second, cache: caches[1]! }];
        const logits: number[][] = [];
        for (const sequences of together ? [later] : later.map((one) => [one])) {
          const result = await model.prefill({ sequences });
          for (const one of result.sequences) logits.push(Array.from(one.logits.toFloat32()));
          result.logits.dispose();
        }
        return logits;
      };
      expect(await turns(true)).toEqual(await turns(false));
    });
  });

  test("are given up together: after any slice, nothing of any of them stays", async () => {
    await withModel(async ({ backend, model, scope, prompts }) => {
      const warm = await model.prefill({ sequences: [{ tokens: prompt(90), cache: scope.track(model.createCache()) }] });
      warm.logits.dispose();
      const { liveAllocations } = backend.memory();
      for (let steps = 0, more = true; more; steps++) {
        const caches = prompts.map(() => model.createCache());
        const started = model.startPrefill({ sequences: prompts.map((one, index) => ({ ...one, cache: caches[index]! })) });
        for (let step = 0; step < steps && more; step++) more = started.step();
        if (!more) started.result.logits.dispose();
        started[Symbol.dispose]();
        if (more) expect(caches.map(({ byteLength, length }) => byteLength + length)).toEqual(caches.map(() => 0));
        for (const cache of caches) cache.dispose();
        expect(backend.memory().liveAllocations, `after ${steps} slices`).toBe(liveAllocations);
      }
    });
  });

  test("tell their progress once a layer, and an abort in between empties every cache", async () => {
    await withModel(async ({ model, scope, prompts }) => {
      const caches = prompts.map(() => scope.track(model.createCache()));
      const controller = new AbortController();
      const told: number[] = [];
      const onProgress = (done: number, total: number) => {
        told.push(done / total);
        if (done === 1) controller.abort(new Error("enough"));
      };
      const sequences = prompts.map((one, index) => ({ ...one, cache: caches[index]! }));
      await expect(model.prefill({ sequences, onProgress, signal: controller.signal })).rejects.toThrow("enough");
      expect(told).toEqual([0.5]);
      expect(caches.map(({ byteLength }) => byteLength)).toEqual(caches.map(() => 0));
    });
  });

  test("need what is predicted for them, and are refused as a whole where that does not fit", async () => {
    await withModel(async ({ backend, model, scope, prompts }) => {
      const known = [...prompts.filter(({ router }) => router?.expectedSparseHeads !== undefined), { tokens: prompt(80) }, { tokens: prompt(200) }];
      const sequences = known.map(({ tokens, router }) => ({ tokens: tokens.length, router }));
      const predicted = model.predictMemory({ sequences });
      const caches = known.map(() => scope.track(model.createCache()));
      const batch = { sequences: known.map((one, index) => ({ ...one, cache: caches[index]! })) };
      // Tables of the rotary embedding and of the routers are there from then on.
      const beside = backend.memory().liveBytes - model.weightBytes;
      backend.resetPeak();
      (await model.prefill(batch)).logits.dispose();
      expect(Math.abs(predicted.peakBytes / (backend.memory().peakBytes - beside) - 1)).toBeLessThan(0.03);
      expect(predicted.keyValueBytes).toBe(caches.reduce((sum, { byteLength }) => sum + byteLength, 0));
      expect(predicted.fullKeyValueBytes).toBe(caches.reduce((sum, { fullByteLength }) => sum + fullByteLength, 0));
      expect(predicted.fullKeyValueBytes).toBe(model.fullKeyValueBytes(known.reduce((sum, { tokens }) => sum + tokens.length, 0)));
      for (const cache of caches) cache.dispose();
      const { liveBytes } = backend.memory();
      backend.setMemoryLimit(liveBytes + predicted.requestBytes - 1);
      await expect(model.prefill(batch)).rejects.toThrow(OutOfMemoryError);
      expect(backend.memory().liveBytes).toBe(liveBytes);
    });
  });

  test("need whole pages, as is predicted for them, where keys and values lie in pages", async () => {
    using backend = Object.assign(new ReferenceBackend(), {
      reserve: (rows: number, rowLength: number, dtype: "f32") => new CopiedTensor(backend, rows, rowLength, dtype),
    });
    using model = DecoderModel.random({ backend, spec: tinyAdapter.spec(new ModelConfig({ ...tinyConfig, max_position_embeddings: 4000 })), dtype: "f32" });
    const router = new ConstantRouter(modes.streaming, modes.full);
    const known = [{ tokens: prompt(20) }, { tokens: prompt(20), router }, { tokens: prompt(700) }, { tokens: prompt(700), router }];
    const predicted = model.predictMemory({ sequences: known.map((one) => ({ ...one, tokens: one.tokens.length })) });
    using scope = new MemoryScope();
    const caches = known.map(() => scope.track(model.createCache()));
    (await model.prefill({ sequences: known.map((one, index) => ({ ...one, cache: caches[index]! })) })).logits.dispose();
    expect(predicted.keyValueBytes).toBe(caches.reduce((sum, { byteLength }) => sum + byteLength, 0));
    expect(caches.map(({ capacity }) => capacity)).toEqual([128, 128, 768, 768]);
    expect(predicted.fullKeyValueBytes).toBe(model.fullKeyValueBytes(2 * 128 + 2 * 768));
  });

  test("cannot be none, cannot share a cache, and get a plan of their own number of heads", async () => {
    await withModel(async ({ model, scope }) => {
      const cache = scope.track(model.createCache());
      expect(() => model.startPrefill({ sequences: [] })).toThrow(PromptError);
      expect(() => model.startPrefill({ sequences: [{ tokens: [1], cache }, { tokens: [2], cache }] })).toThrow(ShapeError);
      const router = { name: "one head", modes: [modes.full], route: () => HeadPlan.uniform(modes.full, 1, 1), [Symbol.dispose]: () => {} };
      await expect(model.prefill({ sequences: [{ tokens: [1, 2], cache, router }] })).rejects.toThrow(/"one head" gave a plan of 1 sequences with 1 heads; it was asked about 1 with 2/);
    });
  });
});
