import { InvalidModeError } from "@elastic-attention/core";
import { attentionModeDefinition, HeadPlan, hybridAttention, knownPatterns, type LayerCache } from "@elastic-attention/attention";
import { ReferenceBackend, type Tensor } from "@elastic-attention/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { type DilatedMode, registerDilatedMode } from "../src/index.js";

const mode: DilatedMode = { kind: "dilated", localBlocks: 1, dilation: 2, blockSize: 2 };
const [tokens, numQueryHeads, numKeyValueHeads, headDim] = [11, 4, 2, 4];
const scale = headDim ** -0.5;

/** Numbers between -1 and 1 that look like noise and are the same in every run. */
function noise(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => ((Math.sin(i * 12.9898 + seed) * 43758.5453) % 1));
}

beforeAll(registerDilatedMode);

describe("the dilated mode", () => {
  it("is known once registered and checks its settings", () => {
    expect(attentionModeDefinition(mode).label).toBe("DA");
    expect(() => HeadPlan.uniform({ ...mode, dilation: 0 }, 1, 2)).toThrow(InvalidModeError);
  });

  it("reads exactly its blocks: the attention call equals a sum over the keys it may see", () => {
    const backend = new ReferenceBackend();
    const queries = noise(tokens * numQueryHeads * headDim, 1);
    // Head after head, as a cache stores them: key-value head h has rows h * tokens to (h + 1) * tokens.
    const keys = noise(numKeyValueHeads * tokens * headDim, 2);
    const values = noise(numKeyValueHeads * tokens * headDim, 3);
    using query = backend.upload(queries, [tokens, numQueryHeads, headDim], "f32");
    using output = backend.upload(new Float32Array(queries.length), [tokens, numQueryHeads, headDim], "f32");
    using keyTensor = backend.upload(keys, [numKeyValueHeads * tokens, headDim], "f32");
    using valueTensor = backend.upload(values, [numKeyValueHeads * tokens, headDim], "f32");
    const cache = cacheOf(keyTensor, valueTensor);
    const definition = attentionModeDefinition(mode);
    using mask = definition.select!({ mode, layer: 0, query, cache, keyValueHeads: [0, 1], scale });

    const patterns = [definition.pattern(mode), definition.pattern(mode)];
    backend.kernels.run(hybridAttention, {
      query,
      output,
      scale,
      sequences: [{ start: 0, length: tokens, cache, routing: knownPatterns(patterns, mask) }],
    });

    const actual = output.toFloat32();
    for (let token = 0; token < tokens; token++) {
      for (let head = 0; head < numQueryHeads; head++) {
        const seen = visibleKeys[token]!;
        const first = Math.floor(head / 2) * tokens;
        const at = (token * numQueryHeads + head) * headDim;
        const weights = seen.map((key) => Math.exp(scale * dot(queries, at, keys, (first + key) * headDim)));
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        for (let d = 0; d < headDim; d++) {
          const expected = seen.reduce((sum, key, i) => sum + weights[i]! * values[(first + key) * headDim + d]!, 0) / total;
          expect(actual[at + d]).toBeCloseTo(expected, 5);
        }
      }
    }
  });
});

/** Written out by hand: blocks of 2 tokens, the diagonal block and every second block from the first. */
const visibleKeys = [
  [0],
  [0, 1],
  [0, 1, 2],
  [0, 1, 2, 3],
  [0, 1, 4],
  [0, 1, 4, 5],
  [0, 1, 4, 5, 6],
  [0, 1, 4, 5, 6, 7],
  [0, 1, 4, 5, 8],
  [0, 1, 4, 5, 8, 9],
  [0, 1, 4, 5, 8, 9, 10],
];

function cacheOf(keys: Tensor, values: Tensor): LayerCache {
  const heads = Array.from({ length: numKeyValueHeads }, (_, head) => ({
    type: "all" as const,
    firstSlot: head * tokens,
    numSlots: tokens,
    sinkTokens: 0,
    ringTokens: 0,
  }));
  return { numKeyValueHeads, headDim, length: tokens, keys, values, heads };
}

function dot(a: Float32Array, aStart: number, b: Float32Array, bStart: number): number {
  let sum = 0;
  for (let d = 0; d < headDim; d++) sum += a[aStart + d]! * b[bStart + d]!;
  return sum;
}
