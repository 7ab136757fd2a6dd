import { type AttentionMode, effectiveSparsity, SequenceCache } from "@elastic-attention/attention";
import { ConstantRouter } from "@elastic-attention/router";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { DecoderModel, elasticModes, type ElasticSizes, findElasticModes, ModelConfig } from "../../src/index.js";
import { tinyAdapter, tinyConfig } from "../tiny-checkpoint.js";

const backend = new ReferenceBackend();
const config = new ModelConfig({ ...tinyConfig, max_position_embeddings: 4000 });
const model = DecoderModel.random({ backend, spec: tinyAdapter.spec(config), dtype: "f32" });
const sizes: ElasticSizes = { sinkTokens: 16, localTokens: 32, blockSize: 16, stride: 4, threshold: 0.9 };
const full: AttentionMode = { kind: "full" };
const prompt = (length: number, seed = 7) => Int32Array.from({ length }, (_, i) => (i * seed + i * i) % 50);

interface Read {
  readonly logits: Float32Array[];
  readonly skipped: number;
  readonly bytes: number;
}

/** Logits of the last row of two turns, and of steps behind them, every head in one mode. */
async function read(mode: AttentionMode, turns: readonly number[], steps = 3): Promise<Read> {
  const { numLayers, numKeyValueHeads, headDim } = model.spec;
  using cache = new SequenceCache({ backend, numLayers, numKeyValueHeads, headDim, dtype: "f32" });
  const logits: Float32Array[] = [];
  let skipped = 0;
  for (const [turn, length] of turns.entries()) {
    const result = await model.prefill({ sequences: [{ tokens: prompt(length, 7 + turn), cache, router: new ConstantRouter(mode, full) }] });
    logits.push(result.logits.toFloat32());
    if (turn === 0) skipped = effectiveSparsity(result.sequences[0]!.routing.blocks);
    result.logits.dispose();
    for (let step = 0; step < steps; step++) {
      using next = model.decode([step + 3], [cache]);
      logits.push(next.toFloat32());
    }
  }
  return { logits, skipped, bytes: cache.byteLength };
}

function largestDifference(a: readonly Float32Array[], b: readonly Float32Array[]): number {
  return Math.max(...a.flatMap((row, index) => Array.from(row, (value, i) => Math.abs(value - b[index]![i]!))));
}

describe("modes that look back", () => {
  test("pages with a budget of everything are full attention, in prompts, steps and later turns", async () => {
    const [all, whole] = [await read(elasticModes("fa-pages:budget=1:page=16", sizes).sparseMode, [150, 40]), await read(full, [150, 40])];
    expect(largestDifference(all.logits, whole.logits)).toBeLessThan(1e-9);
    expect(all.bytes).toBeGreaterThan(whole.bytes);
  });

  test("pages with a small budget read prompts of both turns whole and decode otherwise", async () => {
    const [few, whole] = [await read(elasticModes("fa-pages:budget=16:page=16", sizes).sparseMode, [150]), await read(full, [150])];
    expect(few.logits[0]).toEqual(whole.logits[0]);
    expect(largestDifference(few.logits.slice(1), whole.logits.slice(1))).toBeGreaterThan(1e-4);
  });

  test("rows of a prompt that choose pages read a part of it", async () => {
    const [few, whole, all] = await Promise.all([
      read(elasticModes("fa-pages:budget=16:page=16:rows=8", sizes).sparseMode, [150], 0),
      read(full, [150], 0),
      read(elasticModes("fa-pages:budget=1:page=16:rows=8", sizes).sparseMode, [150], 0),
    ]);
    expect(largestDifference(few.logits, whole.logits)).toBeGreaterThan(1e-4);
    expect(largestDifference(all.logits, whole.logits)).toBeLessThan(1e-9);
  });

  test("a threshold that skips nothing is full attention in prompts, steps and later turns, to the bit with a factor of 0", async () => {
    const whole = await read(full, [300, 40]);
    const [none, tiny] = [await read(elasticModes("fa-threshold:factor=0", sizes).sparseMode, [300, 40]), await read({ kind: "threshold", factor: 1e-12 }, [300, 40])];
    expect([none.logits, none.skipped]).toEqual([whole.logits, 0]);
    expect(largestDifference(tiny.logits, whole.logits)).toBeLessThan(1e-9);
  });

  test("a threshold reports the share of tiles that it skipped, and keeps everything", async () => {
    const [some, whole] = [await read(elasticModes("fa-threshold:factor=400", sizes).sparseMode, [600, 40]), await read(full, [600, 40])];
    expect(some.skipped).toBeGreaterThan(0.05);
    expect(some.skipped).toBeLessThan(0.9);
    expect(some.bytes).toBe(whole.bytes);
    expect(largestDifference(some.logits, whole.logits)).toBeGreaterThan(1e-6);
  });

  test("dense rows read what a threshold would have skipped", async () => {
    const [dense, whole] = [await read(elasticModes("fa-threshold:factor=400:dense=300", sizes).sparseMode, [300], 0), await read(full, [300], 0)];
    expect(dense.logits).toEqual(whole.logits);
  });

  test.each(["fa-ssa", "fa-xa", "fa-fp", "fa-snap"])("%s whose dense rows are the whole prompt reads it as full attention does", async (name) => {
    const [dense, whole, sparse] = [
      await read(elasticModes(`${name}:dense=150`, sizes).sparseMode, [150], 0),
      await read(full, [150], 0),
      await read(elasticModes(name, { ...sizes, threshold: 0.1 }).sparseMode, [150], 0),
    ];
    expect(largestDifference(dense.logits, whole.logits)).toBeLessThan(1e-9);
    expect(dense.skipped).toBe(0);
    if (name !== "fa-fp") expect(largestDifference(sparse.logits, whole.logits)).toBeGreaterThan(1e-4);
  });

  test("dense rows visit more blocks, and are counted", async () => {
    const skipped = async (name: string) => (await read(elasticModes(name, sizes).sparseMode, [160], 0)).skipped;
    const [none, some] = [await skipped("fa-ssa"), await skipped("fa-ssa:dense=32")];
    // Ten blocks: 55 in the triangle, of which a head visits 3 a row from the third on; the last two rows have 19 instead of 6.
    expect(none).toBeCloseTo(1 - 27 / 55, 12);
    expect(some).toBeCloseTo(1 - 40 / 55, 12);
  });

  test("chosen retention that keeps the whole prompt decodes as a longer sink does, one that keeps little holds little", async () => {
    const [kept, whole, few] = [
      await read(elasticModes("fa-snap:kept=96", sizes).sparseMode, [140]),
      await read({ kind: "streaming", sinkTokens: 112, localTokens: 32, blockSize: 16 }, [140]),
      await read(elasticModes("fa-snap:kept=16", sizes).sparseMode, [400]),
    ];
    // The prompt is read by the shorter sink, so that the two differ in what later tokens see of it only by rounding.
    expect(kept.logits[0]).toEqual((await read(elasticModes("fa-ssa", sizes).sparseMode, [140], 0)).logits[0]);
    expect(kept.bytes).toBe(whole.bytes);
    expect(few.bytes).toBeLessThan((await read(full, [400])).bytes / 4);
  });
});

describe("settings behind a mode's name", () => {
  test.each([
    ["fa-pages:budget=0", /budget must be a share/],
    ["fa-pages:page=8", /pageTokens must be one of/],
    ["fa-pages:buget=1", /has no setting "buget"; known: budget, page, rows, dense/],
    ["fa-ssa:budget=1", /has no setting "budget"; known: dense/],
    ["full:dense=3", /has no setting "dense"; known: none/],
    ["fa-snap:kept=0", /keptTokens must be a whole number/],
    ["fa-fp:alpha=2", /alpha must be between 0 and 1/],
    ["xa-ssa:dense=1.5", /denseRows must be a whole number/],
    ["xa-ssa:dense=64", /xattention and streaming: .* together they are not implemented/],
  ])("%s is refused by name", (name, message) => {
    expect(() => elasticModes(name, sizes)).toThrow(message);
  });

  test("a name that is no mode is left to others, whatever follows it", () => {
    for (const name of ["static:0.7", "list:heads.json:0.5", "nothing", "random:0.7"]) expect(findElasticModes(name, sizes)).toBeUndefined();
  });

  test("settings reach the sparse mode of a pair, and FA has no need of them", () => {
    expect(elasticModes("fa-xa:dense=64", sizes)).toEqual({ retrievalMode: full, sparseMode: { kind: "xattention", stride: 4, threshold: 0.9, blockSize: 16, denseRows: 64 } });
    expect(elasticModes("pages:budget=1/4", sizes)).toMatchObject({ retrievalMode: { kind: "full" }, sparseMode: { kind: "pages", budget: 0.25 } });
  });
});
