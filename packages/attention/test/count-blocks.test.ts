import { ReferenceBackend } from "@elastic-attention/tensor";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { blockMaskFromHost, type BlockPattern, countBlocks, countVisitedBlocks, visitedRanges, visitsBlock } from "../src/index.js";

test("streaming blocks are counted as if one walked over them", () => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 16 }));
  fc.assert(
    fc.property(sizes, ([tokens, sinkBlocks, localBlocks, blockSize]) => {
      const pattern: BlockPattern = { type: "streaming", sinkBlocks, localBlocks, blockSize };
      const rows = Math.ceil(tokens / blockSize);
      let visited = 0;
      for (let row = 0; row < rows; row++) for (let column = 0; column <= row; column++) if (visitsBlock(pattern, row, column)) visited += 1;
      const count = countBlocks(pattern, tokens, blockSize);
      expect(count.causal).toBe((rows * (rows + 1)) / 2);
      expect(count.visited).toBeCloseTo(visited, 6);
    }),
    { numRuns: 300, seed: 1 },
  );
});

test("a sliding window counts the blocks that any of its queries sees something of", () => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 16 }));
  fc.assert(
    fc.property(sizes, ([tokens, windowTokens, blockSize]) => {
      const pattern: BlockPattern = { type: "sliding", windowTokens };
      const rows = Math.ceil(tokens / blockSize);
      const visited = new Set<number>();
      // A last block that is not full counts as a whole one, as everywhere.
      for (let position = 0; position < rows * blockSize; position++) {
        for (const [start, end] of visitedRanges(pattern, position)) {
          for (let key = start; key < end; key++) visited.add(Math.floor(position / blockSize) * rows + Math.floor(key / blockSize));
        }
      }
      expect(countBlocks(pattern, tokens, blockSize)).toEqual({ visited: visited.size, causal: (rows * (rows + 1)) / 2 });
    }),
    { numRuns: 200, seed: 1 },
  );
});

test("a million tokens are counted at once", () => {
  const pattern: BlockPattern = { type: "streaming", sinkBlocks: 1, localBlocks: 16, blockSize: 128 };
  const begun = performance.now();
  const { visited, causal } = countBlocks(pattern, 1 << 20, 128);
  expect(performance.now() - begun).toBeLessThan(50);
  expect([visited, causal]).toEqual([17 * 8192 - 136, 33558528]);
});

test("selected blocks are summed by query head, and need the sum", () => {
  using backend = new ReferenceBackend();
  const bytes = Uint8Array.from([1, 0, 0, 1, 1, 0, 1, 0, 1, 1, 0, 0, 1, 1, 0, 1, 1, 1]);
  using mask = blockMaskFromHost(backend, bytes, { blockSize: 4, numQueryHeads: 2, keyBlocks: 3 });
  using counts = backend.allocate([2], "i32");
  backend.kernels.run(countVisitedBlocks, { mask, counts });
  expect(Array.from(counts.toFloat32())).toEqual([5, 6]);
  const pattern: BlockPattern = { type: "selected", blockSize: 4 };
  expect(countBlocks(pattern, 12, 4, 5.5)).toEqual({ visited: 5.5, causal: 6 });
  expect(() => countBlocks(pattern, 12, 4)).toThrow(/selected/);
});
