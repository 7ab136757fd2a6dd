import type { ModelSpec } from "@elastic-attention/transformer";

/** Reproducible tokens of a model's vocabulary. */
export function randomTokens({ vocabularySize }: Pick<ModelSpec, "vocabularySize">, count: number): Int32Array {
  let state = 12345;
  return Int32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * vocabularySize);
  });
}
