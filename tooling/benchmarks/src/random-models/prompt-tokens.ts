import type { ModelShape } from "./model-shape.js";

/** A prompt of random plain tokens, the same on both sides. */
export function promptTokens({ vocabularySize }: ModelShape, count: number): number[] {
  // Below lie the unknown, begin, end and single-byte tokens of the peer's tokenizer.
  const first = Math.min(300, vocabularySize >> 1);
  let state = 12345;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return first + Math.floor((state / 2 ** 32) * (vocabularySize - first));
  });
}
