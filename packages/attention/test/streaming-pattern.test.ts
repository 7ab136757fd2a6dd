import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { attentionModeDefinition, type BlockPattern, type StreamingMode, visitedRanges, visitsBlock } from "../src/index.js";

const streaming = (sinkBlocks: number, localBlocks: number, blockSize: number): BlockPattern => ({
  type: "streaming",
  sinkBlocks,
  localBlocks,
  blockSize,
});

/** Expands ranges to the keys they hold; fails when they overlap, touch, are empty or not ascending. */
function keysOf(ranges: readonly (readonly [number, number])[]): number[] {
  const keys: number[] = [];
  let previousEnd = -1;
  for (const [start, end] of ranges) {
    expect(start).toBeGreaterThan(previousEnd);
    expect(end).toBeGreaterThan(start);
    for (let key = start; key < end; key++) keys.push(key);
    previousEnd = end;
  }
  return keys;
}

/** The token-level definition: whether a token at `position` sees `key`. */
function seesToken(position: number, key: number, sinkBlocks: number, localBlocks: number, blockSize: number): boolean {
  const [keyBlock, queryBlock] = [Math.floor(key / blockSize), Math.floor(position / blockSize)];
  return key <= position && (keyBlock < sinkBlocks || keyBlock + localBlocks > queryBlock);
}

function expectTokenMask(sink: number, local: number, blockSize: number, position: number): void {
  const expected = Array.from({ length: position + 1 }, (_, key) => key).filter((key) =>
    seesToken(position, key, sink, local, blockSize),
  );
  expect(keysOf(visitedRanges(streaming(sink, local, blockSize), position))).toEqual(expected);
}

describe("streaming pattern", () => {
  test("equals the token-level mask over a grid of sinks, windows, blocks and positions", () => {
    for (const blockSize of [1, 2, 3, 4, 8]) {
      for (const sink of [1, 2, 3]) {
        for (const local of [1, 2, 4]) {
          for (let position = 0; position < 40; position++) expectTokenMask(sink, local, blockSize, position);
        }
      }
    }
  });

  test("equals the token-level mask for any settings", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 1, max: 8 }),
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 0, max: 600 }),
        expectTokenMask,
      ),
      { numRuns: 400, seed: 1 },
    );
  });

  test.each([1, 127, 128, 129, 2176, 2177, 4097])("visits V(i) of the published kernel at %i tokens, with offsets", (tokens) => {
    for (const [sink, local] of [[1, 1], [2, 3], [1, 16]] as const) {
      for (const offset of [0, 128, 1280]) {
        // n(i) = offset blocks + 1 + i; all blocks below n while n < sink + local, else the last `local` and the sinks.
        for (let row = 0; row < Math.ceil(tokens / 128); row++) {
          const n = offset / 128 + 1 + row;
          const expected = new Set<number>();
          for (let block = n < sink + local ? 0 : n - local; block < n; block++) expected.add(block);
          for (let block = 0; block < Math.min(sink, n); block++) expected.add(block);
          const found = Array.from({ length: n + 3 }, (_, block) => block).filter((block) =>
            visitsBlock(streaming(sink, local, 128), n - 1, block),
          );
          expect(found).toEqual([...expected].sort((a, b) => a - b));
        }
      }
    }
  });

  test("is full attention up to sink + local tokens, and not one token longer", () => {
    const pattern = streaming(1, 16, 128);
    for (const position of [0, 127, 128, 2047, 2175]) expect(visitedRanges(pattern, position)).toEqual([[0, position + 1]]);
    expect(visitedRanges(pattern, 2176)).toEqual([[0, 128], [256, 2177]]);
  });

  test("shows between (local - 1) blocks + 1 and local blocks of recent keys", () => {
    const recent = (position: number) => visitedRanges(streaming(1, 16, 128), position).at(-1)!;
    const [shortStart, shortEnd] = recent(3 * 2048);
    expect(shortEnd - shortStart).toBe(128 * 15 + 1);
    const [longStart, longEnd] = recent(3 * 2048 + 127);
    expect(longEnd - longStart).toBe(128 * 16);
  });

  test("mode settings in tokens are rounded up to whole blocks", () => {
    const mode: StreamingMode = { kind: "streaming", sinkTokens: 100, localTokens: 2049, blockSize: 128 };
    const definition = attentionModeDefinition(mode);
    expect(definition.pattern(mode)).toEqual(streaming(1, 17, 128));
    expect(definition.decodePattern(mode)).toEqual(definition.pattern(mode));
    expect(definition.retention(mode)).toEqual({ type: "sink-ring", sinkTokens: 128, ringTokens: 17 * 128 });
  });

  test("a ring of the retention holds every key that the pattern reads", () => {
    fc.assert(
      fc.property(
        fc.record({ sinkTokens: fc.integer({ min: 1, max: 40 }), localTokens: fc.integer({ min: 1, max: 80 }), blockSize: fc.integer({ min: 1, max: 16 }) }),
        fc.integer({ min: 0, max: 400 }),
        (settings, position) => {
          const mode: StreamingMode = { kind: "streaming", ...settings };
          const definition = attentionModeDefinition(mode);
          const retention = definition.retention(mode);
          if (retention.type !== "sink-ring") throw new Error("a streaming head keeps a ring");
          const oldest = position + 1 - retention.ringTokens;
          for (const key of keysOf(visitedRanges(definition.pattern(mode), position))) {
            expect(key < retention.sinkTokens || key >= oldest).toBe(true);
          }
        },
      ),
      { numRuns: 300, seed: 2 },
    );
  });
});
