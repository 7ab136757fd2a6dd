import { OutOfMemoryError } from "@elastic-attention/core";
import { type AttentionMode, decodeAttention, type PagePool, prepareDecode, SequenceCache } from "@elastic-attention/attention";
import { ConstantRouter, type Router } from "@elastic-attention/router";
import { KernelRegistry } from "@elastic-attention/tensor";
import { expect, test } from "vitest";
import { decodeGraphNote } from "../../src/decode/decode-graph.js";
import { elasticModeSettings, PretrainedModel, registerModelAdapter } from "../../src/index.js";
import { tinyAdapter, tinyCheckpoint } from "../tiny-checkpoint.js";
import { CapturingBackend, StillBackend } from "./capturing-backend.js";

registerModelAdapter(tinyAdapter);

test("a model whose steps cannot be captured is told where a device could", async () => {
  using folder = tinyCheckpoint();
  using backend = new CapturingBackend();
  {
    using model = await PretrainedModel.open({ path: folder.path, backend });
    expect(model.notes).toEqual([]);
    const kernels = new KernelRegistry(backend);
    kernels.register(prepareDecode, { name: "any", supports: () => [], run: () => {} });
    kernels.register(decodeAttention, { name: "narrow", supports: () => ["head dimension 256: the kernel has 64"], run: () => {} });
    const capture = (step: () => void) => backend.capture(step);
    const { device } = backend;
    const note = "Decode steps run kernel by kernel and not as captured graphs, which is slower: head dimension 256: the kernel has 64.";
    expect(decodeGraphNote({ capture, kernels, device }, model.spec, "bf16")).toBe(note);
    expect(decodeGraphNote({ capture, kernels, device }, model.spec, "f32")).toBeUndefined();
    expect(decodeGraphNote({ kernels, device }, model.spec, "bf16")).toBeUndefined();
  }
});

const modes = elasticModeSettings({ sinkTokens: 4, localTokens: 8, blockSize: 4, stride: 2, threshold: 0.9 });
const routers: (Router | undefined)[] = [undefined, new ConstantRouter(modes.streaming, modes.full), new ConstantRouter(modes.xattention as AttentionMode, modes.full)];
const prompts = [[1, 2, 3, 4, 5], Array.from({ length: 150 }, (_, i) => (i * 7) % 50), [9]];

async function withModel(work: (model: PretrainedModel, backend: CapturingBackend) => Promise<void>, given = new CapturingBackend()): Promise<void> {
  using folder = tinyCheckpoint({ config: { max_position_embeddings: 600 } });
  using backend = given;
  {
    using model = await PretrainedModel.open({ path: folder.path, backend });
    await work(model, backend);
  }
  expect(backend.memory().liveAllocations).toBe(0);
}

function prefilled(model: PretrainedModel, index: number, pool: PagePool | undefined): Promise<SequenceCache> {
  return read(model, prompts[index]!, routers[index], pool);
}

async function read(model: PretrainedModel, tokens: readonly number[], router: Router | undefined, pool: PagePool | undefined): Promise<SequenceCache> {
  const { numLayers, numKeyValueHeads, headDim } = model.spec;
  const cache = new SequenceCache({ backend: model.decoder.backend, numLayers, numKeyValueHeads, headDim, dtype: "f32", ...(pool === undefined ? {} : { pool }) });
  const { logits } = await model.decoder.prefill({ sequences: [{ tokens, cache, ...(router === undefined ? {} : { router }) }] });
  logits.dispose();
  return cache;
}

/** Logits of the steps of a schedule: which sequences decode at each step. */
async function run(model: PretrainedModel, schedule: readonly (readonly number[])[], pool: PagePool | undefined): Promise<Float32Array[]> {
  const caches = await Promise.all(prompts.map((_, index) => prefilled(model, index, pool)));
  const steps = schedule.map((sequences, step) => {
    using logits = model.decoder.decode(sequences.map((index) => (index * 5 + step) % 50), sequences.map((index) => caches[index]!));
    return logits.toFloat32();
  });
  for (const cache of caches) cache.dispose();
  return steps;
}

test("sequences that join and leave decode by graphs as they do one call at a time", async () => {
  await withModel(async (model, backend) => {
    const schedule = [[0], [0], [0, 1], [1, 0], [0, 1, 2], [2, 1], [2], [2, 0, 1], [1], [0, 1, 2]];
    const expected = await run(model, schedule, undefined);
    expect(backend.captured).toBe(0);
    const actual = await run(model, schedule, model.decoder.pagePool);
    for (const [step, logits] of actual.entries()) {
      expect(logits.length).toBe(expected[step]!.length);
      for (const [i, value] of logits.entries()) expect(value).toBeCloseTo(expected[step]![i]!, 4);
    }
    // Batches of 1, 2 and up to 4: the first step of each is not captured.
    expect(backend.captured).toBe(3);
    expect(backend.replayed).toBe(schedule.length - 3);
    expect(model.decoder.pagePool!.report().pagesInUse).toBe(0);
  });
});

test("a graph that was recorded for short prompts also serves longer ones", async () => {
  await withModel(async (model, backend) => {
    const decoded = async (length: number, pool: PagePool | undefined) => {
      using cache = await read(model, Array.from({ length }, (_, i) => (i * 7) % 50), undefined, pool);
      return [3, 4, 5].map((token) => {
        using next = model.decoder.decode([token], [cache]);
        return next.toFloat32();
      });
    };
    // The first rotary tables have 256 positions.
    await decoded(20, model.decoder.pagePool);
    const longer = await decoded(300, model.decoder.pagePool);
    const expected = await decoded(300, undefined);
    for (const [step, logits] of longer.entries()) for (const [i, value] of logits.entries()) expect(value).toBeCloseTo(expected[step]![i]!, 4);
    expect(backend.captured).toBe(2);
  }, new StillBackend());
});

test("an allocation that fails before a step, at every place, leaves the caches as they were", async () => {
  await withModel(async (model, backend) => {
    const pool = model.decoder.pagePool!;
    const expected = await run(model, [[0], [0]], pool);
    for (let failAt = 1; ; failAt++) {
      using cache = await prefilled(model, 0, pool);
      // To the end of its page, so that the second step needs new ones.
      for (let token = cache.length; token < 127; token++) model.decoder.decode([token % 50], [cache]).dispose();
      const { length } = cache;
      const pages = pool.report().pagesInUse;
      model.decoder.decode([0], [cache]).dispose();
      backend.failAt = backend.allocations + failAt;
      try {
        model.decoder.decode([1], [cache]).dispose();
        backend.failAt = Infinity;
        expect(pool.report().pagesInUse).toBe(2 * pages);
        break;
      } catch (error) {
        expect(error).toBeInstanceOf(OutOfMemoryError);
        expect(cache.length).toBe(length + 1);
        backend.failAt = Infinity;
        model.decoder.decode([1], [cache]).dispose();
        expect(cache.length).toBe(length + 2);
      }
    }
    expect(pool.report().pagesInUse).toBe(0);
    expect(await run(model, [[0], [0]], pool)).toEqual(expected);
  });
});
