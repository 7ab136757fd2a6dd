import { ShapeError } from "@elastic-attention/core";
import { ReferenceBackend } from "@elastic-attention/tensor";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { blockMaskFromHost, type BlockPattern, createBlockMask, maskRow, patternBlockSize, visitedRanges, visitsBlock } from "../src/index.js";

describe("full pattern", () => {
  test("reads every key up to the query, counted in single tokens", () => {
    const pattern: BlockPattern = { type: "full" };
    expect(patternBlockSize(pattern)).toBe(1);
    for (const position of [0, 1, 127, 5000]) expect(visitedRanges(pattern, position)).toEqual([[0, position + 1]]);
    expect(visitsBlock(pattern, 3, 3)).toBe(true);
    expect(visitsBlock(pattern, 3, 4)).toBe(false);
  });
});

describe("selected pattern", () => {
  test("reads the chosen blocks, cut at the query, whatever the row says above the diagonal", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 12, maxLength: 12 }),
        fc.integer({ min: 0, max: 107 }),
        (blockSize, row, at) => {
          const position = at % (12 * blockSize);
          const found = visitedRanges({ type: "selected", blockSize }, position, row).flatMap(([start, end]) =>
            Array.from({ length: end - start }, (_, i) => start + i),
          );
          const expected = Array.from({ length: position + 1 }, (_, key) => key).filter((key) => row[Math.floor(key / blockSize)] === 1);
          expect(found).toEqual(expected);
        },
      ),
      { numRuns: 300, seed: 3 },
    );
  });

  test("reads nothing without a mask row", () => {
    expect(visitedRanges({ type: "selected", blockSize: 4 }, 10)).toEqual([]);
  });
});

describe("block mask", () => {
  const backend = new ReferenceBackend();

  test("finds the row of a head and an absolute query block when the queries start late", () => {
    // 2 heads, 2 query blocks at the end of 5 key blocks: query blocks 3 and 4.
    const bytes = Uint8Array.from([1, 0, 0, 1, 0, /**/ 1, 0, 0, 1, 1, /**/ 0, 1, 0, 1, 0, /**/ 0, 0, 1, 0, 1]);
    using mask = blockMaskFromHost(backend, bytes, { blockSize: 4, numQueryHeads: 2, keyBlocks: 5 });
    expect([mask.queryBlocks, mask.keyBlocks, mask.numQueryHeads, mask.blockSize]).toEqual([2, 5, 2, 4]);
    const visited = mask.visited.download();
    expect([...maskRow(mask, visited, 0, 3)]).toEqual([1, 0, 0, 1, 0]);
    expect([...maskRow(mask, visited, 1, 3)]).toEqual([0, 1, 0, 1, 0]);
    expect([...maskRow(mask, visited, 1, 4)]).toEqual([0, 0, 1, 0, 1]);
  });

  test("owns its tensor", () => {
    const before = backend.memory().liveAllocations;
    const mask = blockMaskFromHost(backend, new Uint8Array(4), { blockSize: 4, numQueryHeads: 1, keyBlocks: 2 });
    expect(backend.memory().liveAllocations).toBe(before + 1);
    mask[Symbol.dispose]();
    expect(backend.memory().liveAllocations).toBe(before);
  });

  test("refuses tensors that are no mask", () => {
    using floats = backend.allocate([4, 4], "f32");
    using odd = backend.allocate([5, 4], "u8");
    using flat = backend.allocate([4], "u8");
    expect(() => createBlockMask(floats, 128, 2)).toThrow(ShapeError);
    expect(() => createBlockMask(odd, 128, 2)).toThrow(ShapeError);
    expect(() => createBlockMask(flat, 128, 2)).toThrow(ShapeError);
  });
});
