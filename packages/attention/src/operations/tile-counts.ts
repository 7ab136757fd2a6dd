import { ShapeError } from "@elastic-attention/core";
import { expectShape, type Tensor } from "@elastic-attention/tensor";

/** Checks where an attention call counts skipped tiles. @throws ShapeError */
export function expectTileCounts(tileCounts: Tensor, numQueryHeads: number): void {
  expectShape("hybridAttention", "tileCounts", tileCounts, [2, numQueryHeads]);
  if (tileCounts.dtype !== "i32") throw new ShapeError(`hybridAttention: tileCounts are i32, found ${tileCounts.dtype}.`);
}
