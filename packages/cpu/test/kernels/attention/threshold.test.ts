import { describeThreshold, poisoned, randomTensor, relativeError, uploadFloats } from "@elastic-attention/conformance";
import { MemoryScope } from "@elastic-attention/core";
import { type AttentionMode, decodeAttention, DecodeBatch, decodePlanBytes, hybridAttention, knownPatterns, PagePool, planDecode, prepareDecode, SequenceCache } from "@elastic-attention/attention";
import { type Backend, type FloatDType, type Graph, hostArray, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { subjects } from "../../instruction-set-levels.js";

for (const subject of subjects) describeThreshold(subject);

const [kvHeads, group] = [2, 3];
const threshold = (factor: number) => ({ type: "threshold", factor }) as const;

/** Keys that grow and shrink along the text, so that tiles of every height lie behind one another. */
function wavingKeys(backend: Backend, tokens: number, headDim: number, dtype: FloatDType) {
  using source = randomTensor(new ReferenceBackend(), [tokens, kvHeads, headDim], "f32", 3);
  const values = source.toFloat32().map((value, index) => value * (1 + 3 * Math.abs(Math.sin(index / (kvHeads * headDim) / 90))));
  return uploadFloats(backend, values, [tokens, kvHeads, headDim], dtype);
}

interface Ragged {
  readonly headDim: number;
  /** Rows that are read one after another. */
  readonly appends: readonly number[];
  readonly softCap?: number;
  readonly sinks?: boolean;
}

function turns(backend: Backend, { headDim, appends, softCap, sinks = false }: Ragged, dtype: FloatDType, paged: boolean) {
  using scope = new MemoryScope();
  const pool = paged ? { pool: scope.track(new PagePool({ backend, headDim, dtype })) } : {};
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: kvHeads, headDim, dtype, ...pool }));
  const tokens = appends.reduce((sum, count) => sum + count, 0);
  const keys = scope.track(wavingKeys(backend, tokens, headDim, dtype));
  const query = scope.track(randomTensor(backend, [tokens, kvHeads * group, headDim], dtype, 4, 4));
  const output = scope.track(poisoned(backend, query.shape, dtype));
  const tileCounts = scope.track(backend.upload(new Int32Array(2 * kvHeads * group), [2, kvHeads * group], "i32"));
  const sinkLogits = sinks ? scope.track(randomTensor(backend, [kvHeads * group], "f32", 5, 3)) : undefined;
  let start = 0;
  for (const length of appends) {
    cache.append(0, keys.rows(start, start + length), keys.rows(start, start + length));
    const sequences = [{ start, length, cache: cache.layer(0), routing: knownPatterns([threshold(3), threshold(40)]), tileCounts }];
    backend.kernels.run(hybridAttention, { query, output, sequences, scale: headDim ** -0.5, softCap, sinkLogits });
    start += length;
  }
  return { output: output.toFloat32(), counts: hostArray(tileCounts.download(), "i32").slice() };
}

const references = new Map<string, ReturnType<typeof turns>>();

/** By the reference backend: computed once for all levels. */
function expectedTurns(shape: Ragged, dtype: FloatDType) {
  const key = JSON.stringify([shape, dtype]);
  const known = references.get(key) ?? turns(new ReferenceBackend(), shape, dtype, false);
  references.set(key, known);
  return known;
}

const cases: readonly Ragged[] = [
  { headDim: 64, appends: [555] },
  { headDim: 128, appends: [129, 1, 300, 2, 1] },
  { headDim: 40, appends: [300, 70, 1] },
  { headDim: 64, appends: [500, 1, 3], softCap: 9, sinks: true },
];

describe.each(subjects.map((subject) => [subject.name, subject] as const))("what %s skips", (_name, subject) => {
  test.each(cases)("is what the reference skips, row by row: $headDim dimensions, $appends rows", (shape) => {
    using backend = subject.create();
    for (const dtype of subject.dtypes) {
      const expected = expectedTurns(shape, dtype);
      expect(expected.counts[0]! / expected.counts[kvHeads * group]!).toBeGreaterThan(0.02);
      for (const paged of [false, true]) {
        const actual = turns(backend, shape, dtype, paged);
        expect(relativeError(actual.output, expected.output)).toBeLessThan(dtype === "f32" ? 2e-5 : 2 ** -7);
        // The kernel counts tiles of many rows, which all must skip.
        expect(actual.counts[0]! / actual.counts[kvHeads * group]!).toBeLessThanOrEqual(expected.counts[0]! / expected.counts[kvHeads * group]! + 0.05);
      }
      expect(backend.memory().liveAllocations).toBe(0);
    }
  });

  test("does not depend on where a prompt is cut", () => {
    using backend = subject.create();
    for (const dtype of subject.dtypes) {
      const whole = turns(backend, { headDim: 64, appends: [640] }, dtype, true);
      const cut = turns(backend, { headDim: 64, appends: [128, 50, 78, 384] }, dtype, true);
      expect(Buffer.compare(Buffer.from(cut.output.buffer), Buffer.from(whole.output.buffer))).toBe(0);
      expect(whole.counts[0]).toBeGreaterThan(0);
    }
  });

  test("is the same in recorded decode steps", () => {
    using backend = subject.create();
    for (const dtype of subject.dtypes) {
      const steps = (on: Backend, recorded: boolean) => decodeSteps(on, dtype, recorded);
      const expected = steps(new ReferenceBackend(), false);
      for (const recorded of [false, true]) expect(relativeError(steps(backend, recorded), expected)).toBeLessThan(dtype === "f32" ? 2e-5 : 2 ** -7);
      expect(relativeError(decodeSteps(new ReferenceBackend(), dtype, false, 0), expected)).toBeGreaterThan(2 ** -6);
    }
  });
});

/** Three steps of a sequence in a batch of two slots. */
function decodeSteps(backend: Backend, dtype: FloatDType, recorded: boolean, factor = 60): Float32Array {
  const [headDim, slots, length] = [64, 2, 700];
  const queryHeads = kvHeads * group;
  using scope = new MemoryScope();
  const pool = scope.track(new PagePool({ backend, headDim, dtype }));
  const planBytes = backend.kernels.run(decodePlanBytes, { slots, numLayers: 1, numKeyValueHeads: kvHeads });
  const batch = scope.track(new DecodeBatch({ backend, pool, slots, numLayers: 1, numKeyValueHeads: kvHeads, planBytes }));
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: kvHeads, headDim, dtype, pool }));
  const keys = scope.track(wavingKeys(backend, length, headDim, dtype));
  cache.append(0, keys, keys);
  const modes: AttentionMode[] = [{ kind: "threshold", factor }, { kind: "full" }];
  cache.settle(0, modes);
  cache.advance(length);
  const queryKeyValue = scope.track(randomTensor(backend, [slots, (queryHeads + 2 * kvHeads) * headDim], dtype, 8, 4));
  const query = queryKeyValue.columns(0, queryHeads * headDim).reshape([slots, queryHeads, headDim]);
  const output = scope.track(poisoned(backend, query.shape, dtype));
  const run = () => {
    backend.kernels.run(planDecode, { batch });
    backend.kernels.run(prepareDecode, { batch, layer: 0, queryKeyValue, numQueryHeads: queryHeads, headDim, epsilon: 1e-6, rotation: undefined });
    backend.kernels.run(decodeAttention, { batch, layer: 0, query, output, scale: headDim ** -0.5 });
  };
  const outputs: number[] = [];
  let graph: Graph | undefined;
  for (let step = 0; step < 3; step++) {
    batch.update([{ tokens: [1], cache }]);
    if (recorded) (graph ??= scope.track(backend.capture!(run))).replay();
    else run();
    cache.countWritten(1);
    for (const value of output.rows(0, 1).toFloat32()) outputs.push(value);
  }
  return Float32Array.from(outputs);
}
