import { MemoryScope } from "@elastic-attention/core";
import {
  type AttentionMode,
  type CacheType,
  decodeAttention,
  DecodeBatch,
  decodePlanBytes,
  type DecodeRotation,
  PagePool,
  planDecode,
  prepareDecode,
  SequenceCache,
  tokensOfGroups,
} from "@elastic-attention/attention";
import { type Backend, type FloatDType, type Graph, ReferenceBackend, type RotaryPairs } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../../backend-under-test.js";
import { randomTensor, relativeError } from "../../random-tensors.js";

interface Shape {
  readonly headDim: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly softCap?: number;
  /** Repeated over the query heads. */
  readonly sinkLogits?: readonly number[];
  /** Default: whole heads, halves together, by the positions. */
  readonly rotation?: { readonly turned: number; readonly pairs?: RotaryPairs; readonly rowOf?: DecodeRotation["rowOf"]; readonly scaledQueries?: boolean };
  /** Whether queries and keys have norms. Default true. */
  readonly normed?: boolean;
}

const shapes: readonly Shape[] = [
  { headDim: 128, queryHeads: 8, kvHeads: 2 },
  { headDim: 64, queryHeads: 14, kvHeads: 2 },
  { headDim: 96, queryHeads: 3, kvHeads: 3 },
  { headDim: 128, queryHeads: 32, kvHeads: 2 },
  { headDim: 64, queryHeads: 8, kvHeads: 2, sinkLogits: [-2, 0, 3, -Infinity, 300] },
  { headDim: 128, queryHeads: 6, kvHeads: 3, softCap: 2, sinkLogits: [1] },
  { headDim: 128, queryHeads: 8, kvHeads: 2, rotation: { turned: 128, pairs: "neighbours" } },
  { headDim: 128, queryHeads: 4, kvHeads: 2, rotation: { turned: 64, pairs: "neighbours" }, normed: false },
  { headDim: 96, queryHeads: 6, kvHeads: 2, rotation: { turned: 96, rowOf: "slot" }, normed: false },
  { headDim: 128, queryHeads: 8, kvHeads: 4, rotation: { turned: 50 } },
  { headDim: 64, queryHeads: 8, kvHeads: 2, rotation: { turned: 64, scaledQueries: true } },
  { headDim: 64, queryHeads: 4, kvHeads: 1, rotation: { turned: 16, rowOf: "slot", scaledQueries: true } },
  // A layer without positions.
  { headDim: 64, queryHeads: 4, kvHeads: 2, rotation: { turned: 0 } },
];

const modes: readonly AttentionMode[] = [
  { kind: "full" },
  { kind: "streaming", sinkTokens: 128, localTokens: 256, blockSize: 128 },
  { kind: "streaming", sinkTokens: 32, localTokens: 96, blockSize: 32 },
  { kind: "sliding", windowTokens: 100 },
  { kind: "sliding", windowTokens: 1 },
  // Leaves nothing out that could be seen in the sums, in whatever order tiles are taken.
  { kind: "threshold", factor: 1e-9 },
];
const lengths = [1, 63, 64, 520, 900];
const numLayers = 2;

/** Which sequences take a step, each with how many tokens, and how many of these count afterwards. */
const schedule: readonly (readonly (readonly [sequence: number, tokens: number, counted: number])[])[] = [
  [[0, 1, 1], [1, 1, 1], [2, 1, 1], [3, 1, 1], [4, 1, 1]],
  [[3, 4, 2], [4, 1, 1], [0, 2, 2]],
  [[1, 3, 3], [4, 7, 7]],
  [[2, 16, 9]],
  [[4, 1, 1], [1, 1, 1], [3, 1, 1]],
];

/** Steps of batches whose sequences change places and bring one token or several; every output row. */
function decodeSteps(backend: Backend, shape: Shape, dtype: FloatDType, captured: boolean, cacheType?: CacheType, together = 1): Float32Array {
  const { headDim, queryHeads, kvHeads, softCap, sinkLogits, normed = true } = shape;
  using scope = new MemoryScope();
  const pool = scope.track(new PagePool({ backend, headDim, dtype, cacheType }));
  const slots = 16;
  const planBytes = backend.kernels.run(decodePlanBytes, { slots, numLayers, numKeyValueHeads: kvHeads });
  const batch = scope.track(new DecodeBatch({ backend, pool, slots, numLayers, numKeyValueHeads: kvHeads, planBytes, tokensTogether: together }));
  const caches = lengths.map((length, index) => {
    const cache = scope.track(new SequenceCache({ backend, numLayers, numKeyValueHeads: kvHeads, headDim, dtype, cacheType, pool }));
    for (let layer = 0; layer < numLayers; layer++) {
      using keys = randomTensor(backend, [length, kvHeads, headDim], dtype, 10 + index);
      using values = randomTensor(backend, [length, kvHeads, headDim], dtype, 20 + index);
      cache.append(layer, keys, values);
      cache.settle(layer, Array.from({ length: kvHeads }, (_, head) => modes[(index + head + layer) % modes.length]!));
    }
    cache.advance(length);
    return cache;
  });
  const width = (queryHeads + 2 * kvHeads) * headDim;
  const fused = scope.track(backend.allocate([slots, width], dtype));
  const output = scope.track(randomTensor(backend, [slots, queryHeads, headDim], dtype, 7));
  const rotation = randomRotation(backend, shape, slots, scope);
  const norms = [0, 1].map((seed) => scope.track(randomTensor(backend, [headDim], "f32", 40 + seed)));
  const sinks = sinkLogits === undefined ? undefined : Float32Array.from({ length: queryHeads }, (_, head) => sinkLogits[head % sinkLogits.length]!);
  const scores = { scale: headDim ** -0.5, softCap, sinkLogits: sinks === undefined ? undefined : scope.track(backend.upload(sinks, [queryHeads], "f32")) };
  const outputs: number[] = [];
  const query = fused.columns(0, queryHeads * headDim).reshape([slots, queryHeads, headDim]);
  const run = (layer: number) => {
    const heads = { numQueryHeads: queryHeads, headDim, ...(normed ? { queryNorm: norms[0], keyNorm: norms[1] } : {}), epsilon: 1e-6, rotation };
    backend.kernels.run(planDecode, { batch });
    backend.kernels.run(prepareDecode, { batch, layer, queryKeyValue: fused, ...heads });
    backend.kernels.run(decodeAttention, { batch, layer, query, output, ...scores });
  };
  const graphs: (Graph | undefined)[] = [];
  for (const [step, sequences] of schedule.entries()) {
    batch.update(sequences.map(([sequence, tokens]) => ({ tokens: new Int32Array(tokens), cache: caches[sequence]! })));
    const rows = sequences.reduce((sum, [, tokens]) => sum + tokens, 0);
    for (let layer = 0; layer < numLayers; layer++) {
      using source = randomTensor(backend, [slots, width], dtype, 100 + 10 * step + layer);
      backend.write(fused, source.download());
      if (captured && step > 0) {
        const graph = (graphs[layer] ??= scope.track(backend.capture!(() => run(layer))));
        graph.replay();
      } else {
        run(layer);
      }
      for (const value of output.rows(0, rows).toFloat32()) outputs.push(value);
    }
    for (const [sequence, , counted] of sequences) caches[sequence]!.countWritten(counted);
  }
  return Float32Array.from(outputs);
}

/** How a shape's heads are rotated, in the words of a test's title. */
function rotated({ headDim, rotation: { turned, pairs, rowOf, scaledQueries } = { turned: headDim } }: Shape): string {
  const how = [pairs, rowOf && `a row for each ${rowOf}`, scaledQueries === true && "scaled queries"].filter((each) => typeof each === "string");
  return [`${turned} rotated`, ...how].join(", ");
}

function randomRotation(backend: Backend, { headDim, rotation: asked = { turned: headDim } }: Shape, slots: number, scope: MemoryScope): DecodeRotation | undefined {
  const { turned, pairs = "halves", rowOf = "position", scaledQueries = false } = asked;
  if (turned === 0) return undefined;
  const rows = rowOf === "slot" ? slots : 2048;
  const angles = (seed: number) => {
    const [cosine, sine] = [seed, seed + 1].map((each) => scope.track(randomTensor(backend, [rows, turned / 2], "f32", each)));
    return { cosine: cosine!, sine: sine! };
  };
  const key = angles(30);
  return { pairs, rowOf, key, query: scaledQueries ? angles(50) : key };
}

const expected = new Map<string, Float32Array>();

/** By the reference: computed once for all subjects. */
function expectedSteps(shape: Shape, dtype: FloatDType, cacheType?: CacheType): Float32Array {
  const key = JSON.stringify([shape, dtype, cacheType], (_, value: unknown) => (value === -Infinity ? "-Infinity" : value));
  const steps = expected.get(key) ?? decodeSteps(new ReferenceBackend(), shape, dtype, false, cacheType);
  expected.set(key, steps);
  return steps;
}

/** Decode steps that read what changes from the tables of a batch, one call at a time and recorded, against the reference. */
export function describeDecodeKernels(subject: BackendUnderTest, tolerances: Partial<Record<FloatDType, number>>, cacheTypes: Partial<Record<CacheType, number>> = {}): void {
  describe(`decode steps on ${subject.name}`, () => {
    test.each(shapes.map((shape) => ({ ...shape, rotated: rotated(shape) })))("head_dim $headDim, $queryHeads/$kvHeads heads, $rotated", (shape) => {
      for (const [dtype, tolerance] of Object.entries(tolerances) as [FloatDType, number][]) {
        const steps = expectedSteps(shape, dtype);
        for (const [captured, together] of [[false, 1], [true, 1], [true, tokensOfGroups(shape.queryHeads / shape.kvHeads)]] as const) {
          using backend = subject.create();
          expect(relativeError(decodeSteps(backend, shape, dtype, captured, undefined, together), steps)).toBeLessThan(tolerance);
          expect(backend.memory().liveAllocations).toBe(0);
        }
      }
    });

    for (const [cacheType, tolerance] of Object.entries(cacheTypes) as [CacheType, number][]) {
      test.each(shapes)(`over a cache in ${cacheType}, head_dim $headDim, $queryHeads/$kvHeads heads`, (shape) => {
        const steps = expectedSteps(shape, "bf16", cacheType);
        for (const [captured, together] of [[false, 1], [true, tokensOfGroups(shape.queryHeads / shape.kvHeads)]] as const) {
          using backend = subject.create();
          expect(relativeError(decodeSteps(backend, shape, "bf16", captured, cacheType, together), steps)).toBeLessThan(tolerance);
          expect(backend.memory().liveAllocations).toBe(0);
        }
      });
    }

    test("a second run gives the same bits", () => {
      const [first, second] = [0, 1].map(() => {
        using backend = subject.create();
        return decodeSteps(backend, shapes[0]!, "bf16", true);
      });
      expect(first).toEqual(second);
    });

    test("a call with host data is refused while work is recorded, and the next recording works", () => {
      using backend = subject.create();
      using tensor = randomTensor(backend, [16], "f32", 1);
      expect(() => backend.capture!(() => backend.write(tensor, new Float32Array(16)))).toThrow(/cannot be captured/);
      using graph = backend.capture!(() => {});
      graph.replay();
    });
  });
}
