import { describe, expect, it } from "vitest";
import { TokenizerPipeline } from "../src/index.js";
import { ownTables, readConfig, readTable, readTokenizer, shared, tableNames } from "./golden.js";

const folders = shared === undefined ? [ownTables] : [ownTables, `${shared}fixtures/text/`];
const own = new Set(tableNames(ownTables));

for (const folder of folders) {
  const kind = folder === ownTables ? "made for tests" : "of public models";
  describe(`pipelines ${kind}`, () => {
    const names = tableNames(folder).filter((name) => folder === ownTables || !own.has(name));
    it.each(names)("encode and decode as the reference does: %s", (name) => {
      const table = readTable(folder, name);
      const folderName = table.tokenizer.replace(/^tokenizers\//u, "");
      const tokenizer = new TokenizerPipeline(readTokenizer(folder, folderName), readConfig(folder, folderName));
      const encoded = table.encode.map(({ text }) => ({
        text,
        ids: Array.from(tokenizer.encode(text, { addSpecialTokens: false })),
        ids_special: Array.from(tokenizer.encode(text)),
      }));
      expect(encoded).toEqual(table.encode.map(({ text, ids, ids_special }) => ({ text, ids, ids_special })));
      const rows = [...table.encode.map((row) => ({ ...row, ids: row.ids_special })), ...table.decode].filter((row) => row.decoded !== undefined);
      expect(rows.length).toBeGreaterThan(0);
      for (const { ids, decoded, decoded_skip } of rows) {
        expect(tokenizer.decode(ids, { skipSpecialTokens: false })).toBe(decoded);
        expect(tokenizer.decode(ids)).toBe(decoded_skip);
      }
    });
  });
}

