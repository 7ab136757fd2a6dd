import type { BlockPattern } from "./block-pattern.js";
import { patternBlockSize } from "./visited-blocks.js";

/** Mirrors `PatternType` of the native kernels. */
const patternCodes: Record<BlockPattern["type"], number> = { full: 0, streaming: 1, selected: 2 };

/** A pattern as native kernels read it: its kind, sink and local blocks, and tokens of a block. */
export function patternNumbers(pattern: BlockPattern): readonly [kind: number, sinkBlocks: number, localBlocks: number, blockSize: number] {
  const { sinkBlocks, localBlocks } = pattern.type === "streaming" ? pattern : { sinkBlocks: 0, localBlocks: 0 };
  return [patternCodes[pattern.type], sinkBlocks, localBlocks, patternBlockSize(pattern)];
}
