import { ShapeError } from "@elastic-attention/core";
import { SequenceCache } from "@elastic-attention/attention";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { expect, test } from "vitest";
import { RetrievalScores } from "../src/index.js";

const backend = new ReferenceBackend();

/** Ten tokens; head 0 attends to token 4 with all its weight, head 1 to all alike. */
function observed(queries: number, needle: readonly [number, number]): number[][] {
  using cache = new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: 2, headDim: 2, dtype: "f32" });
  const keys = new Float32Array(10 * 2 * 2);
  keys[4 * 4] = 100;
  using stored = backend.upload(keys, [10, 2, 2], "f32");
  cache.append(0, stored, stored);
  using query = backend.upload(new Float32Array(10 * 2 * 2).fill(1), [10, 2, 2], "f32");
  const scores = new RetrievalScores();
  scores.queries = queries;
  scores.needle = needle;
  scores.afterAttention({ layer: 0, sequence: 0, query, cache: cache.layer(0), scale: 1 });
  return scores.scores();
}

test("scores are the share of the last queries' attention that falls on the needle", () => {
  expect(observed(1, [4, 5])[0]![0]).toBeCloseTo(1, 6);
  expect(observed(1, [4, 5])[0]![1]).toBeCloseTo(0.1, 6);
  expect(observed(1, [0, 4])[0]![0]).toBeCloseTo(0, 6);
  // The last two queries see 9 and 10 keys.
  expect(observed(2, [4, 5])[0]![1]).toBeCloseTo((1 / 9 + 1 / 10) / 2, 6);
});

test("a needle outside of the prompt is refused", () => {
  expect(() => observed(1, [4, 11])).toThrow(ShapeError);
});
