import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RadixTree } from "../../src/prefix/radix-tree.js";

const blockTokens = 2;

/** Whole blocks that both begin with. */
function shared(a: Int32Array, b: Int32Array): number {
  let count = 0;
  while (count < Math.min(a.length, b.length) && a[count] === b[count]) count += 1;
  return count - (count % blockTokens);
}

describe("a radix tree", () => {
  test("finds, for any tokens, the values that share the most whole blocks, as a search through all does", () => {
    // Few token ids, so that paths part at every depth.
    const path = fc.array(fc.nat(1), { minLength: 1, maxLength: 12 }).map((ids) => Int32Array.from([...ids, ...ids].slice(0, ids.length + (ids.length % blockTokens))));
    const action = fc.record({ tokens: path, isRemoval: fc.boolean(), query: path });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 30 }), (actions) => {
        const tree = new RadixTree<Int32Array>(blockTokens);
        const there = new Set<Int32Array>();
        for (const { tokens, isRemoval, query } of actions) {
          const [oldest] = there;
          if (isRemoval && oldest !== undefined) {
            there.delete(oldest);
            tree.remove(oldest, oldest);
          } else {
            there.add(tokens);
            tree.add(tokens, tokens);
          }
          const found = new Map(Array.from(tree.matches(query), ({ value, sharedTokens }) => [value, sharedTokens]));
          for (const [value, sharedTokens] of found) {
            expect(there.has(value)).toBe(true);
            expect(sharedTokens).toBe(shared(value, query));
          }
          const longest = Math.max(0, ...Array.from(there, (value) => shared(value, query)));
          expect(Math.max(0, ...found.values())).toBe(longest);
          // Every value that ends on the way of the query is among them.
          for (const value of there) if (shared(value, query) === value.length) expect(found.has(value)).toBe(true);
        }
        for (const value of there) tree.remove(value, value);
        for (const value of there) expect([...tree.matches(value)]).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});
