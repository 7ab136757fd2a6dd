import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TextTrie } from "../src/models/text-trie.js";

const texts = fc.uniqueArray(fc.string({ unit: fc.constantFrom("a", "b", "é", "😀", "\u0000"), minLength: 1, maxLength: 12 }), { maxLength: 200 });

/** Every text of a list that another begins with, by its length. */
function beginningsOf(text: string, known: readonly string[]): [length: number, value: number][] {
  return known.flatMap((one, value) => (text.startsWith(one) ? [[one.length, value] as [number, number]] : [])).sort(([one], [other]) => one - other);
}

describe("a trie", () => {
  it.each([["is told how many texts come", 200], ["grows", 0]])("finds its texts and every beginning of another where it %s", (_, expected) => {
    fc.assert(
      fc.property(texts, fc.string({ unit: fc.constantFrom("a", "b", "é", "x"), maxLength: 30 }), (known, other) => {
        const trie = new TextTrie(expected);
        for (const [value, text] of known.entries()) trie.add(text, value);
        expect(known.map((text) => trie.get(text))).toEqual(known.map((_text, value) => value));
        for (const text of [...known, other, ""]) {
          const found: [number, number][] = [];
          trie.beginnings(`-${text}`, 1, (end, value) => found.push([end - 1, value]));
          expect(found).toEqual(beginningsOf(text, known));
          expect(trie.get(text)).toEqual(known.includes(text) ? known.indexOf(text) : undefined);
        }
      }),
      { numRuns: 60, seed: 22 },
    );
  });

  it("goes on behind a beginning as texts do that have it", () => {
    const trie = new TextTrie();
    for (const [value, text] of ["ab", "##a", "##ab", "##"].entries()) trie.add(text, value);
    const found = (text: string, from: number) => {
      const values: number[] = [];
      trie.beginnings(text, 0, (_end, value) => values.push(value), from);
      return values;
    };
    expect([found("abc", 0), found("abc", trie.nodeOf("##")), found("abc", trie.nodeOf("x")), trie.nodeOf("")]).toEqual([[0], [1, 2], [], 0]);
  });

  it("takes the last value of a text, and never finds an empty one", () => {
    const trie = new TextTrie();
    trie.add("ab", 1);
    trie.add("ab", 2);
    trie.add("", 3);
    expect([trie.get("ab"), trie.get(""), trie.get("a")]).toEqual([2, undefined, undefined]);
  });
});
