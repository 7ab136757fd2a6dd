import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TokenizerPipeline } from "../src/index.js";
import { ownTables, readConfig, readTokenizer, tableNames } from "./golden.js";

describe("text that comes piece by piece", () => {
  it.each(tableNames(ownTables))("is what decoding at once gives, in whole characters: %s", (name) => {
    const tokenizer = new TokenizerPipeline(readTokenizer(ownTables, name), readConfig(ownTables, name));
    const ids = fc.array(fc.integer({ min: 0, max: 2300 }), { maxLength: 40 });
    fc.assert(
      fc.property(ids, fc.boolean(), (sequence, skipSpecialTokens) => {
        const stream = tokenizer.decodeStream({ skipSpecialTokens });
        const pieces = [...sequence.map((id) => stream.push(id)), stream.end()];
        expect(pieces.every((piece) => piece.isWellFormed())).toBe(true);
        expect(pieces.join("")).toBe(tokenizer.decode(sequence, { skipSpecialTokens }));
      }),
      { numRuns: 60, seed: 22 },
    );
  });

  it("comes before the end where nothing that follows can change it", () => {
    const tokenizer = new TokenizerPipeline(readTokenizer(ownTables, "template-with-types"));
    const stream = tokenizer.decodeStream();
    const pieces = Array.from(tokenizer.encode("Hello world é", { addSpecialTokens: false }), (id) => stream.push(id));
    expect(pieces.join("")).toBe("Hello world é");
    expect(stream.end()).toBe("");
  });
});
