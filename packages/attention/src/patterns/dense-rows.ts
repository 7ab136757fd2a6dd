import type { LayerCache } from "../cache/layer-cache.js";
import type { BlockMask } from "./block-pattern.js";

/** Has the query blocks of the last rows read every block before them, in the heads that chose. */
export function widenToDenseRows(mask: BlockMask, keyValueHeads: readonly number[], { length, numKeyValueHeads }: Pick<LayerCache, "length" | "numKeyValueHeads">, rows: number): void {
  if (rows === 0) return;
  const { blockSize, numQueryHeads, queryBlocks, keyBlocks, visited } = mask;
  const firstRow = keyBlocks - queryBlocks;
  const first = Math.max(firstRow, Math.floor(Math.max(0, length - rows) / blockSize));
  const bytes = new Uint8Array((keyBlocks - first) * keyBlocks);
  for (let block = first; block < keyBlocks; block++) bytes.fill(1, (block - first) * keyBlocks, (block - first) * keyBlocks + block + 1);
  const group = numQueryHeads / numKeyValueHeads;
  for (const head of keyValueHeads) {
    for (let member = head * group; member < (head + 1) * group; member++) {
      const start = member * queryBlocks + first - firstRow;
      visited.backend.write(visited.rows(start, start + keyBlocks - first), bytes);
    }
  }
}
