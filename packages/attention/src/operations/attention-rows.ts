import { ShapeError } from "@elastic-attention/core";
import type { Tensor } from "@elastic-attention/tensor";
import { rowOf } from "../cache/head-slots.js";
import { maskRow, patternBlockSize, visitedRanges } from "../patterns/visited-blocks.js";
import type { BlockMask, BlockPattern } from "../patterns/block-pattern.js";
import { waitForPatterns } from "../patterns/head-patterns.js";
import type { AttentionSequence } from "./hybrid-attention.js";

/** One query row of one head, and where the keys and values are that it reads. */
export interface AttentionRow {
  readonly queryHead: number;
  readonly keyValueHead: number;
  readonly pattern: BlockPattern;
  /** Counted from the sequence's first query row. */
  readonly row: number;
  /** Rows of the cache's tensors, by ascending position. */
  readonly slots: readonly number[];
}

/**
 * Every row of every query head of a sequence, as reference kernels walk them.
 * @throws ShapeError, in the name of the operation, where query, cache, patterns and mask do not fit together.
 */
export function* attentionRows(operation: string, query: Tensor, sequence: AttentionSequence): Generator<AttentionRow> {
  const { length, cache } = sequence;
  const { patterns, mask } = waitForPatterns(sequence.routing);
  const [numQueryHeads, headDim] = [query.shape[1]!, query.shape[2]!];
  const group = numQueryHeads / cache.numKeyValueHeads;
  if (!Number.isInteger(group) || patterns.length !== cache.numKeyValueHeads || cache.headDim !== headDim) {
    throw new ShapeError(`${operation}: the heads of query, cache and patterns do not fit together.`);
  }
  if (length > cache.length) throw new ShapeError(`${operation}: more queries than keys in the cache.`);
  const visited = mask?.visited.download();
  for (let queryHead = 0; queryHead < numQueryHeads; queryHead++) {
    const keyValueHead = Math.floor(queryHead / group);
    const [pattern, store] = [patterns[keyValueHead]!, cache.heads[keyValueHead]!];
    if (pattern.type === "selected") expectMask(operation, mask, pattern.blockSize, numQueryHeads, sequence);
    for (let row = 0; row < length; row++) {
      const position = cache.length - length + row;
      const chosen =
        pattern.type === "selected"
          ? maskRow(mask!, visited!, queryHead, Math.floor(position / patternBlockSize(pattern)))
          : undefined;
      const slots: number[] = [];
      for (const [first, end] of visitedRanges(pattern, position, chosen)) {
        for (let key = first; key < end; key++) slots.push(rowOf(cache, store, key, cache.length));
      }
      yield { queryHead, keyValueHead, pattern, row, slots };
    }
  }
}

/** A "selected" pattern reads its own rows of the mask: one for each block of queries, the last for the last key block. */
function expectMask(
  operation: string,
  mask: BlockMask | undefined,
  blockSize: number,
  numQueryHeads: number,
  { cache, length }: AttentionSequence,
): void {
  if (mask === undefined || mask.blockSize !== blockSize) {
    throw new ShapeError(`${operation}: a "selected" pattern needs a mask of its block size.`);
  }
  const keyBlocks = Math.ceil(cache.length / blockSize);
  const queryBlocks = keyBlocks - Math.floor((cache.length - length) / blockSize);
  if (mask.numQueryHeads !== numQueryHeads || mask.keyBlocks !== keyBlocks || mask.queryBlocks < queryBlocks) {
    throw new ShapeError(
      `${operation}: the mask must have ${numQueryHeads} heads, ${queryBlocks} or more query blocks and ${keyBlocks} ` +
        `key blocks, found ${mask.numQueryHeads}, ${mask.queryBlocks} and ${mask.keyBlocks}.`,
    );
  }
}
