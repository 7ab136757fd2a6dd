import { ShapeError } from "@elastic-attention/core";
import type { Backend, Tensor } from "@elastic-attention/tensor";
import type { BlockMask } from "./block-pattern.js";

/** A mask over an owned u8 tensor; see {@link BlockMask}. */
export function createBlockMask(visited: Tensor, blockSize: number, numQueryHeads: number): BlockMask {
  const queryBlocks = visited.shape[0]! / numQueryHeads;
  if (visited.dtype !== "u8" || visited.shape.length !== 2 || !Number.isInteger(queryBlocks)) {
    throw new ShapeError("A block mask is u8 [numQueryHeads * queryBlocks, keyBlocks].");
  }
  return {
    blockSize,
    numQueryHeads,
    queryBlocks,
    keyBlocks: visited.shape[1]!,
    visited,
    [Symbol.dispose]: () => visited.dispose(),
  };
}

/** A mask from host bytes [numQueryHeads, queryBlocks, keyBlocks], 1 = visited: how a custom mode hands in its choice. */
export function blockMaskFromHost(
  backend: Backend,
  bytes: Uint8Array,
  layout: { readonly blockSize: number; readonly numQueryHeads: number; readonly keyBlocks: number },
): BlockMask {
  const rows = bytes.length / layout.keyBlocks;
  return createBlockMask(backend.upload(bytes, [rows, layout.keyBlocks], "u8"), layout.blockSize, layout.numQueryHeads);
}
