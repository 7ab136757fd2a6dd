import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SentencepieceMerger } from "../../src/tokenizer/gguf/sentencepiece-merges.js";

/** As sentencepiece's rule reads: the best pair of all neighbours, again and again. */
function slowCut(text: string, pieces: ReadonlyMap<string, number>): string[] {
  const parts = Array.from(text);
  for (;;) {
    let [best, at] = [-Infinity, -1];
    for (let index = 0; index + 1 < parts.length; index++) {
      const score = pieces.get(parts[index]! + parts[index + 1]!);
      if (score !== undefined && score > best) [best, at] = [score, index];
    }
    if (at < 0) return parts;
    parts.splice(at, 2, parts[at]! + parts[at + 1]!);
  }
}

describe("the pieces of a sentencepiece vocabulary", () => {
  it("are merged best pair first, of equal ones the leftmost, whatever the vocabulary and the text", () => {
    const letter = fc.constantFrom("a", "b", "c", "▁", "🙂");
    const piece = fc.array(letter, { minLength: 1, maxLength: 5 }).map((letters) => letters.join(""));
    const vocabulary = fc.array(fc.tuple(piece, fc.integer({ min: -4, max: 0 })), { maxLength: 40 }).map((entries) => new Map(entries));
    fc.assert(
      fc.property(vocabulary, fc.array(fc.array(letter, { maxLength: 40 }), { maxLength: 4 }), (pieces, texts) => {
        const merger = new SentencepieceMerger(pieces);
        for (const letters of texts) expect(merger.cut(letters.join(""))).toEqual(slowCut(letters.join(""), pieces));
      }),
      { numRuns: 2000 },
    );
  });

  it("of a million spaces are found within two seconds", () => {
    const runs = Array.from({ length: 16 }, (_, length) => ["▁".repeat(length + 1), -length] as const);
    const merger = new SentencepieceMerger(new Map(runs));
    // The process has other test files to run: the clock of the quicker of two tries.
    const seconds = [0, 1].map(() => {
      const begun = performance.now();
      expect(merger.cut("▁".repeat(1_000_000)).join("")).toHaveLength(1_000_000);
      return (performance.now() - begun) / 1000;
    });
    expect(Math.min(...seconds)).toBeLessThan(2);
  });
});
