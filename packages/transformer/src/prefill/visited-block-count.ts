import { type BlockCount, type BlockPattern, countBlocks, countVisitedBlocks, type HeadPatterns, type KnownPatterns, waitForPatterns } from "@elastic-attention/attention";
import { hostArray, type Tensor } from "@elastic-attention/tensor";

/**
 * Blocks that one sequence visits in one layer, summed over its heads. What was chosen is summed on the device; the host
 * reads the sums when the prefill is over, as reading them at once would make it wait in every layer.
 */
export class VisitedBlockCount implements Disposable {
  readonly #known: KnownPatterns;
  readonly #counts: Tensor | undefined;

  constructor(
    routing: HeadPatterns,
    private readonly tokens: number,
    private readonly numQueryHeads: number,
    /** The unit that blocks are counted in: {@link blockSizeOf} all of the layer's heads. */
    private readonly blockSize: number,
  ) {
    this.#known = waitForPatterns(routing);
    const { mask } = this.#known;
    if (mask === undefined) return;
    const { backend } = mask.visited;
    const counts = backend.allocate([numQueryHeads], "i32");
    try {
      backend.kernels.run(countVisitedBlocks, { mask, counts });
    } catch (error) {
      counts.dispose();
      throw error;
    }
    this.#counts = counts;
  }

  /** Waits for the device where blocks were chosen. */
  wait(): BlockCount {
    const { tokens, numQueryHeads, blockSize } = this;
    const { patterns } = this.#known;
    const byQueryHead = this.#counts === undefined ? undefined : hostArray(this.#counts.download(), "i32");
    const group = numQueryHeads / patterns.length;
    let [visited, causal] = [0, 0];
    for (const [head, pattern] of patterns.entries()) {
      const chosen = byQueryHead?.subarray(head * group, (head + 1) * group);
      const mean = chosen === undefined ? undefined : Array.from(chosen).reduce((sum, count) => sum + count, 0) / group;
      const count = countBlocks(pattern, tokens, blockSize, mean);
      visited += count.visited;
      causal += count.causal;
    }
    return { visited, causal };
  }

  [Symbol.dispose](): void {
    this.#counts?.dispose();
  }
}

/** The plan's block size, 128 where nothing has blocks. */
export function blockSizeOf(patterns: readonly BlockPattern[]): number {
  for (const pattern of patterns) if ("blockSize" in pattern) return pattern.blockSize;
  return 128;
}
