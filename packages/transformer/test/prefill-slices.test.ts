import { OutOfMemoryError } from "@elastic-attention/core";
import { SequenceCache } from "@elastic-attention/attention";
import { ConstantRouter, type Router, StaticRouter } from "@elastic-attention/router";
import { ReferenceBackend, type Tensor } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { DecoderModel, elasticModeSettings, ModelConfig, predictWeightBytes } from "../src/index.js";
import { tinyAdapter, tinyConfig } from "./tiny-checkpoint.js";

const modes = elasticModeSettings({ sinkTokens: 4, localTokens: 8, blockSize: 4, stride: 2, threshold: 0.9 });
const config = (length: number) => new ModelConfig({ ...tinyConfig, max_position_embeddings: length });
const prompt = (length: number) => Int32Array.from({ length }, (_, i) => (i * 7 + i * i) % 50);

function randomModel(backend: ReferenceBackend, contextLength = 4000) {
  return DecoderModel.random({ backend, spec: tinyAdapter.spec(config(contextLength)), dtype: "f32" });
}

function newCache({ backend, spec, dtype }: DecoderModel): SequenceCache {
  const { numLayers, numKeyValueHeads, headDim } = spec;
  return new SequenceCache({ backend, numLayers, numKeyValueHeads, headDim, dtype });
}

function router(sparsity: number): Router {
  const list = { version: 1, description: "", scores: [[4, 1], [3, 2]], sparsity } as const;
  return new StaticRouter({ list, retrievalMode: modes.full, sparseMode: modes.streaming });
}

describe("a prefill in slices", () => {
  test("computes what the whole computes, bit for bit, and tells what it does", async () => {
    using backend = new ReferenceBackend();
    using model = randomModel(backend);
    const tokens = prompt(1300);
    // Sequences longer than the least rows of a slice, and a budget that none of them keeps.
    const run = (slicePairs: number) => {
      using cache = newCache(model);
      using prefill = model.startPrefill({ sequences: [{ tokens, cache, router: router(0.5) }] });
      prefill.slicePairs = slicePairs;
      const phases: string[] = [];
      while (prefill.step()) phases.push(prefill.phase);
      using logits = prefill.result.logits;
      return { phases, logits: logits.toFloat32(), slices: phases.filter((phase) => phase === "attention").length };
    };
    const [whole, sliced] = [run(Infinity), run(500_000)];
    expect(whole.slices).toBe(2);
    expect(sliced.slices).toBe(4);
    expect(sliced.logits).toEqual(whole.logits);
    expect(new Set(whole.phases)).toEqual(new Set(["embedding", "projection", "cache", "attention", "feed-forward"]));
    expect(whole.phases.filter((phase) => phase === "projection")).toHaveLength(2 * 2);
  });

  test("disposed anywhere, gives its memory back and empties the cache", () => {
    using backend = new ReferenceBackend();
    using model = randomModel(backend);
    using warm = newCache(model);
    const finished = model.startPrefill({ sequences: [{ tokens: prompt(9), cache: warm }] });
    while (finished.step());
    finished.result.logits.dispose();
    finished[Symbol.dispose]();
    warm.dispose();
    const { liveAllocations } = backend.memory();
    for (let steps = 0; ; steps++) {
      using cache = newCache(model);
      const prefill = model.startPrefill({ sequences: [{ tokens: prompt(60), cache, router: new ConstantRouter(modes.xattention, modes.full) }] });
      let more = true;
      for (let step = 0; step < steps && more; step++) more = prefill.step();
      if (!more) prefill.result.logits.dispose();
      prefill[Symbol.dispose]();
      // A finished prefill leaves its keys and values, an interrupted one nothing.
      expect(cache.byteLength > 0).toBe(!more);
      cache.dispose();
      expect(backend.memory().liveAllocations).toBe(liveAllocations);
      if (!more) break;
    }
  });
});

describe("a reader of logits", () => {
  test("gets every row once, as the whole would hold it, and never more than some hundreds in memory", () => {
    using backend = new ReferenceBackend();
    using model = randomModel(backend);
    const lengths = [700, 1, 411];
    const total = 1112;
    const run = (settings: { logitsRows?: number; readLogits?: (logits: Tensor, start: number) => void }) => {
      const caches = lengths.map(() => newCache(model));
      backend.resetPeak();
      using prefill = model.startPrefill({ sequences: lengths.map((length, index) => ({ tokens: prompt(length), cache: caches[index]! })), ...settings });
      while (prefill.step());
      using logits = prefill.result.logits;
      const result = { last: logits.toFloat32(), peakBytes: backend.memory().peakBytes };
      for (const cache of caches) cache.dispose();
      return result;
    };
    const whole = run({ logitsRows: 4000 });
    const plain = run({});
    const read = new Float32Array(total * model.spec.vocabularySize);
    const starts: number[] = [];
    const chunked = run({
      readLogits(logits, start) {
        starts.push(start);
        read.set(logits.toFloat32(), start * model.spec.vocabularySize);
      },
    });
    expect(starts).toEqual([0, 512, 1024]);
    expect(read).toEqual(whole.last);
    expect(chunked.last).toEqual(plain.last);
    const rowBytes = 4 * (model.spec.vocabularySize + model.spec.hiddenSize);
    expect(chunked.peakBytes).toBeLessThanOrEqual(plain.peakBytes + 512 * rowBytes);
    expect(chunked.peakBytes).toBeLessThan(whole.peakBytes);
  });

  test("that throws ends the prefill, and nothing stays", () => {
    using backend = new ReferenceBackend();
    using model = randomModel(backend);
    const { liveAllocations } = backend.memory();
    using cache = newCache(model);
    const prefill = model.startPrefill({
      sequences: [{ tokens: prompt(30), cache }],
      readLogits() {
        throw new Error("unreadable");
      },
    });
    expect(() => {
      while (prefill.step());
    }).toThrow("unreadable");
    // The table of the rotary embedding is the model's.
    expect(backend.memory().liveAllocations).toBeLessThanOrEqual(liveAllocations + 2);
    expect(cache.byteLength).toBe(0);
  });
});

describe("predicted memory", () => {
  test.each([0, 0.25, 0.5, 0.75, 1])("is what is then measured at sparsity %f", async (sparsity) => {
    using backend = new ReferenceBackend();
    using model = randomModel(backend);
    expect(model.weightBytes).toBe(predictWeightBytes(model.spec, "f32"));
    for (const tokens of [5, 300, 700]) {
      using cache = newCache(model);
      const chosen = router(sparsity);
      const predicted = model.predictMemory({ sequences: [{ tokens, router: chosen }] });
      backend.resetPeak();
      const { logits } = await model.prefill({ sequences: [{ tokens: prompt(tokens), cache, router: chosen }] });
      const { peakBytes } = backend.memory();
      logits.dispose();
      expect(Math.abs(predicted.peakBytes / peakBytes - 1)).toBeLessThan(0.03);
      expect(predicted.keyValueBytes).toBe(cache.byteLength);
    }
  });

  test("counts the mask of heads that choose blocks", async () => {
    using backend = new ReferenceBackend();
    using model = randomModel(backend);
    using cache = newCache(model);
    const chosen = new ConstantRouter(modes.xattention, modes.full);
    const predicted = model.predictMemory({ sequences: [{ tokens: 900, router: chosen }] });
    backend.resetPeak();
    const { logits } = await model.prefill({ sequences: [{ tokens: prompt(900), cache, router: chosen }] });
    logits.dispose();
    expect(Math.abs(predicted.peakBytes / backend.memory().peakBytes - 1)).toBeLessThan(0.03);
  });

  test("a prompt that cannot fit is refused with the numbers before anything is allocated", async () => {
    using backend = new ReferenceBackend();
    using model = randomModel(backend, 1 << 20);
    using cache = newCache(model);
    backend.setMemoryLimit(model.weightBytes + 2_000_000);
    const before = backend.memory();
    const refused = model.prefill({ sequences: [{ tokens: prompt(50_000), cache }] });
    await expect(refused).rejects.toThrow(OutOfMemoryError);
    await expect(refused).rejects.toThrow(/a prefill of 50000 tokens needs \d+ bytes more \(\d+ of at most \d+ in use\)/);
    expect(backend.memory()).toEqual(before);
    // The same prompt with every head sparse would not fit either: its activations alone are too large.
    await expect(model.prefill({ sequences: [{ tokens: prompt(50_000), cache, router: router(1) }] })).rejects.toThrow(OutOfMemoryError);
    await expect(model.prefill({ sequences: [{ tokens: prompt(1000), cache }] })).resolves.toBeDefined();
  });
});
