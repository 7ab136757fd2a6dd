import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TokenizerPipeline } from "../../src/index.js";
import { description } from "../pipelines.js";

const letters = ["a", "b", "c", "▁"];
/** Not in the vocabulary; the last two take two units. */
const strangers = ["x", "é", "😀", "𝒳"];
const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);

/** The rule of byte pair encoding, written as plainly as can be. */
function mergedPlainly(symbols: readonly string[], merges: readonly (readonly [string, string])[]): string[] {
  const parts = [...symbols];
  for (;;) {
    let [best, place] = [Infinity, -1];
    for (let index = 0; index + 1 < parts.length; index++) {
      const rank = merges.findIndex(([left, right]) => left === parts[index] && right === parts[index + 1]);
      if (rank >= 0 && rank < best) [best, place] = [rank, index];
    }
    if (place < 0) return parts;
    parts.splice(place, 2, parts[place]! + parts[place + 1]!);
  }
}

/** Rules whose sides are characters or made by earlier rules, and whose results differ. */
const rules = fc.array(fc.tuple(fc.nat(1000), fc.nat(1000)), { minLength: 1, maxLength: 12 }).map((picks) => {
  const tokens = [...letters];
  const merges: [string, string][] = [];
  for (const [left, right] of picks) {
    const pair: [string, string] = [tokens[left % tokens.length]!, tokens[right % tokens.length]!];
    if (tokens.includes(pair.join(""))) continue;
    merges.push(pair);
    tokens.push(pair.join(""));
  }
  return merges;
});

describe("a long text without words", () => {
  it.each([
    { byteFallback: false, fuseUnknown: true },
    { byteFallback: false, fuseUnknown: false },
    { byteFallback: true, fuseUnknown: false },
  ])("has the tokens that merging it as a whole gives: %j", ({ byteFallback, fuseUnknown }) => {
    const text = fc.array(fc.constantFrom(...letters, ...letters, ...strangers), { minLength: 33, maxLength: 90 });
    fc.assert(
      fc.property(rules, text, (merges, characters) => {
        const tokens = ["<unk>", ...bytes, ...letters, ...merges.map((pair) => pair.join(""))];
        const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
        const model = { type: "BPE", vocab, merges, unk_token: "<unk>", fuse_unk: fuseUnknown, byte_fallback: byteFallback };
        const symbols: string[] = [];
        for (const character of characters) {
          if (letters.includes(character)) symbols.push(character);
          else if (byteFallback) symbols.push(...Array.from(Buffer.from(character), (byte) => bytes[byte]!));
          else if (!fuseUnknown || symbols.at(-1) !== "<unk>") symbols.push("<unk>");
        }
        const expected = mergedPlainly(symbols, merges).map((token) => vocab[token]);
        expect(Array.from(new TokenizerPipeline(description({ model })).encode(characters.join("")))).toEqual(expected);
      }),
      { numRuns: 150, seed: 22 },
    );
  });
});
