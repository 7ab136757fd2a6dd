import type { SequenceCache } from "@elastic-attention/attention";
import type { Backend, Tensor } from "@elastic-attention/tensor";
import type { RotatedBatch, RotatedSequence } from "./rotation/batch-rotations.js";

/** Tokens that follow what a cache holds. */
export interface SequenceTokens {
  readonly tokens: ArrayLike<number>;
  readonly cache: SequenceCache;
  /** Length that the sequence will have, where more tokens follow these: rotary angles may depend on it. */
  readonly rotaryLength?: number;
}

/** Tokens of several sequences one after another in one row dimension, as every kernel sees them. */
export interface SequenceBatch extends RotatedBatch {
  readonly numTokens: number;
  readonly caches: readonly SequenceCache[];
  /** Sequence i is rows offsets[i] to offsets[i + 1]. */
  readonly offsets: readonly number[];
  /** i32 [tokens]. */
  readonly ids: Tensor;
}

/**
 * Lays sequences out in rows; the caller disposes `ids` and `positions`.
 *
 * @param turning whether the tokens of a sequence turn by the angles of its length with all of them, or each by those of a
 *   sequence that ends with it, as in a step of its own
 */
export function layOut(backend: Backend, sequences: readonly SequenceTokens[], turning: "together" | "one by one" = "together"): SequenceBatch {
  const offsets = [0];
  for (const { tokens } of sequences) offsets.push(offsets.at(-1)! + tokens.length);
  const numTokens = offsets.at(-1)!;
  const [ids, positions] = [new Int32Array(numTokens), new Int32Array(numTokens)];
  let longest = 0;
  const rotated: RotatedSequence[] = [];
  for (const [index, sequence] of sequences.entries()) {
    const { tokens, cache } = sequence;
    for (let i = 0; i < tokens.length; i++) {
      ids[offsets[index]! + i] = tokens[i]!;
      positions[offsets[index]! + i] = cache.length + i;
    }
    const length = cache.length + tokens.length;
    longest = Math.max(longest, length);
    const [start, position] = [offsets[index]!, cache.length];
    if (turning === "together") rotated.push({ start, rows: tokens.length, position, length: rotaryLengthOf(sequence) });
    else for (let i = 0; i < tokens.length; i++) rotated.push({ start: start + i, rows: 1, position: position + i, length: position + i + 1 });
  }
  const idsTensor = backend.upload(ids, [numTokens], "i32");
  try {
    const positionsTensor = backend.upload(positions, [numTokens], "i32");
    return { numTokens, caches: sequences.map(({ cache }) => cache), offsets, ids: idsTensor, positions: positionsTensor, longest, rotated };
  } catch (error) {
    idsTensor.dispose();
    throw error;
  }
}

/** Length that the angles of these tokens are chosen for. */
export function rotaryLengthOf({ tokens, cache, rotaryLength = 0 }: SequenceTokens): number {
  return Math.max(rotaryLength, cache.length + tokens.length);
}
