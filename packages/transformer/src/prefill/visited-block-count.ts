import { MemoryScope } from "@elastic-attention/core";
import { type AttentionMode, type AttentionSequence, type BlockCount, type BlockPattern, countBlocks, countVisitedBlocks, denseRowsOf, type KnownPatterns, waitForPatterns } from "@elastic-attention/attention";
import { hostArray, type PendingDownload, type Tensor } from "@elastic-attention/tensor";

/**
 * Blocks that one sequence visits in one layer, summed over its heads. What was chosen is summed on the device; the host
 * reads the sums when the prefill is over, as reading them at once would make it wait in every layer.
 */
export class VisitedBlockCount implements Disposable {
  readonly #known: KnownPatterns;
  readonly #counts: Tensor | undefined;
  /** Tiles that heads with a threshold skipped and looked at, by query head. */
  readonly #tiles: PendingDownload | undefined;
  private readonly tokens: number;

  constructor(
    { routing, cache, tileCounts }: Pick<AttentionSequence, "routing" | "cache" | "tileCounts">,
    private readonly numQueryHeads: number,
    /** The unit that blocks are counted in: {@link blockSizeOf} all of the layer's heads. */
    private readonly blockSize: number,
    /** Of the heads; their dense rows visit every block. */
    private readonly modes: readonly AttentionMode[],
  ) {
    this.#known = waitForPatterns(routing);
    this.tokens = cache.length;
    this.#tiles = tileCounts?.startDownload();
    const { mask } = this.#known;
    if (mask === undefined) return;
    const { backend } = mask.visited;
    const counts = backend.allocate([numQueryHeads], "i32");
    try {
      backend.kernels.run(countVisitedBlocks, { mask, counts });
    } catch (error) {
      counts.dispose();
      this.#tiles?.[Symbol.dispose]();
      throw error;
    }
    this.#counts = counts;
  }

  /** Waits for the device where blocks were chosen. */
  wait(): BlockCount {
    const { tokens, numQueryHeads, blockSize } = this;
    const { patterns } = this.#known;
    const byQueryHead = this.#counts === undefined ? undefined : hostArray(this.#counts.download(), "i32");
    const tiles = this.#tiles === undefined ? undefined : hostArray(this.#tiles.read(), "i32");
    const group = numQueryHeads / patterns.length;
    let [visited, causal] = [0, 0];
    for (const [head, pattern] of patterns.entries()) {
      const chosen = byQueryHead?.subarray(head * group, (head + 1) * group);
      const mean = chosen === undefined ? undefined : Array.from(chosen).reduce((sum, count) => sum + count, 0) / group;
      const count = countBlocks(pattern, tokens, blockSize, mean);
      const skipped = pattern.type === "threshold" && tiles !== undefined ? skippedShare(tiles, head * group, group) : 0;
      visited += count.visited * (1 - skipped) + this.#denseBlocks(pattern, head, blockSize);
      causal += count.causal;
    }
    return { visited, causal };
  }

  /** What the last rows visit besides their pattern; a mask has counted it already. */
  #denseBlocks(pattern: BlockPattern, head: number, blockSize: number): number {
    const rows = Math.min(this.tokens, denseRowsOf(this.modes[head]!));
    if (rows === 0 || pattern.type === "selected") return 0;
    const [whole, before] = [this.tokens, Math.floor((this.tokens - rows) / blockSize) * blockSize].map((tokens) => countBlocks(pattern, tokens, blockSize));
    return whole!.causal - before!.causal - (whole!.visited - before!.visited);
  }

  [Symbol.dispose](): void {
    using scope = new MemoryScope();
    if (this.#counts !== undefined) scope.track(this.#counts);
    if (this.#tiles !== undefined) scope.track(this.#tiles);
  }
}

/** Share of the tiles that the query heads of a group skipped, of those that were looked at. */
function skippedShare(counts: ArrayLike<number>, firstHead: number, group: number): number {
  const numQueryHeads = counts.length / 2;
  let [skipped, tiles] = [0, 0];
  for (let head = firstHead; head < firstHead + group; head++) {
    skipped += counts[head]!;
    tiles += counts[numQueryHeads + head]!;
  }
  return tiles === 0 ? 0 : skipped / tiles;
}

/** The plan's block size, 128 where nothing has blocks. */
export function blockSizeOf(patterns: readonly BlockPattern[]): number {
  for (const pattern of patterns) if ("blockSize" in pattern) return pattern.blockSize;
  return 128;
}
