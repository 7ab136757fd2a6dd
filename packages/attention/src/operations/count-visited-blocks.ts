import { ShapeError } from "@elastic-attention/core";
import { defineOperation, expectShape, type Tensor } from "@elastic-attention/tensor";
import type { BlockMask } from "../patterns/block-pattern.js";

export interface CountVisitedBlocksCall {
  readonly mask: BlockMask;
  /** i32 [numQueryHeads]: blocks that each query head visits; of heads without a selection it means nothing. */
  readonly counts: Tensor;
}

/** Sums the rows of a block mask by query head, where the mask is: it has millions of entries for a long prompt. */
export const countVisitedBlocks = defineOperation<CountVisitedBlocksCall>("countVisitedBlocks", ({ mask, counts }, backend) => {
  expectShape("countVisitedBlocks", "counts", counts, [mask.numQueryHeads]);
  if (counts.dtype !== "i32") throw new ShapeError(`countVisitedBlocks: counts are i32, found ${counts.dtype}.`);
  const visited = mask.visited.download();
  const entries = mask.queryBlocks * mask.keyBlocks;
  const sums = Int32Array.from({ length: mask.numQueryHeads }, (_, head) =>
    visited.subarray(head * entries, (head + 1) * entries).reduce((sum, bit) => sum + (bit === 1 ? 1 : 0), 0),
  );
  backend.write(counts, sums);
});
