import type { BlockPattern } from "./block-pattern.js";
import { patternBlockSize } from "./visited-blocks.js";

/** Mirrors `PatternType` of the native kernels. */
const patternCodes: Record<BlockPattern["type"], number> = { full: 0, streaming: 1, selected: 2, sliding: 3, threshold: 5 };

/**
 * A pattern as native kernels read it: its kind, sink and local blocks, and tokens of a block. A sliding window is counted
 * in blocks of one token; a threshold's factor stands in place of the sink, as the bits of a float32.
 */
export function patternNumbers(pattern: BlockPattern): readonly [kind: number, sinkBlocks: number, localBlocks: number, blockSize: number] {
  const [sinkBlocks, localBlocks] = windowBlocks(pattern);
  return [patternCodes[pattern.type], sinkBlocks, localBlocks, patternBlockSize(pattern)];
}

function windowBlocks(pattern: BlockPattern): readonly [sink: number, local: number] {
  if (pattern.type === "streaming") return [pattern.sinkBlocks, pattern.localBlocks];
  if (pattern.type === "threshold") return [new Int32Array(Float32Array.of(pattern.factor).buffer)[0]!, 0];
  return [0, pattern.type === "sliding" ? pattern.windowTokens : 0];
}
