import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { parquetWriteFile } from "hyparquet-writer";
import { afterAll, describe, expect, test } from "vitest";
import { openRows } from "../src/index.js";

class RowError extends Error {
  constructor(
    message: string,
    readonly details: { hint?: string; cause?: unknown },
  ) {
    super(message);
  }
}

const makeError = (message: string, details: { hint?: string; cause?: unknown }) => new RowError(message, details);
const folder = mkdtempSync(join(tmpdir(), "data-files-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function allRows(path: string): Promise<unknown[]> {
  using source = await openRows([path], makeError);
  return await Promise.all(Array.from({ length: source.numRows }, (_, row) => source.read(row)));
}

const rows = [{ text: "eins", length: 1 }, { text: "zwölf 世界", length: 12 }, { text: "", length: 0 }];
const lines = rows.map((row) => JSON.stringify(row)).join("\n");
/** One frame of Zstandard with up to 255 bytes stored as they are: a header, the size, one raw block. */
const zstdStored = (bytes: Uint8Array) => Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, bytes.length, (bytes.length << 3) & 0xff | 1, bytes.length >> 5, 0]), bytes]);
const zstandard = zstdStored(Buffer.from(lines));

describe("JSON lines", () => {
  test.each<[string, string, string | Uint8Array]>([
    ["as they are", "a.jsonl", lines],
    ["with a byte order mark, blank lines and line ends of Windows", "b.jsonl", `\uFEFF\r\n${lines.replaceAll("\n", "\r\n\r\n")}\r\n`],
    ["in UTF-16", "c.jsonl", Buffer.from(`\uFEFF${lines}`, "utf16le")],
    ["in gzip", "d.jsonl.gz", gzipSync(lines)],
    ["in gzip, with a mark, by their first bytes", "e.jsonl", gzipSync(`\uFEFF${lines}`)],
    ["in brotli", "f.jsonl.br", brotliCompressSync(lines)],
    ["in Zstandard", "g.jsonl.zst", zstandard],
  ])("%s are read", async (_, name, content) => {
    expect(await allRows(file(name, content))).toEqual(rows);
  });

  test.each<[string, string | Uint8Array, RegExp]>([
    ["utf16.jsonl", Buffer.from(lines, "utf16le"), /Cannot read .*UTF-16LE without a byte order mark/],
    ["empty.jsonl", "\uFEFF\n \n", /has no rows/],
    ["damaged.jsonl.zst", zstandard.subarray(0, 20), /Cannot read/],
    ["rows.xlsx", "PK", /not a data file/],
  ])("%s is refused by name", async (name, content, words) => {
    const failure = openRows([file(name, content)], makeError);
    await expect(failure).rejects.toThrow(RowError);
    await expect(failure).rejects.toThrow(words);
  });

  test("that are not JSON, or not UTF-8, are named by their line", async () => {
    using source = await openRows([file("broken.jsonl", Buffer.from(`{}\n\n{"a":\n{"a":"ü"}\n`, "latin1"))], makeError);
    await expect(source.read(1)).rejects.toThrow(/broken\.jsonl line 3: not JSON/);
    await expect(source.read(2)).rejects.toThrow(/broken\.jsonl line 4: not JSON/);
  });
});

describe("Parquet", () => {
  const whole = join(folder, "rows.parquet");
  const compressors = { GZIP: (bytes: Uint8Array) => gzipSync(bytes), BROTLI: (bytes: Uint8Array) => brotliCompressSync(bytes), ZSTD: zstdStored };
  const write = (filename: string, codec: "SNAPPY" | keyof typeof compressors) =>
    parquetWriteFile({
      filename,
      codec,
      ...(codec === "SNAPPY" ? {} : { compressors }),
      rowGroupSize: 2,
      columnData: [
        { name: "text", data: rows.map(({ text }) => text), type: "STRING" },
        { name: "length", data: rows.map(({ length }) => BigInt(length)), type: "INT64" },
      ],
    });
  write(whole, "SNAPPY");

  test("gives whole numbers as numbers, row group after row group", async () => {
    expect(await allRows(whole)).toEqual(rows);
    using source = await openRows([whole, file("more.jsonl", "{}")], makeError);
    expect([source.numRows, source.parts, source.where(2), source.where(3)]).toEqual([4, [0, 2, 3], "rows.parquet row 3", "more.jsonl line 1"]);
  });

  test("files of lines beside one another are one part, a Parquet file between them is not", async () => {
    const lines = (name: string) => file(name, "{}\n{}\n{}");
    using beside = await openRows([lines("a.jsonl"), lines("b.jsonl"), lines("c.jsonl")], makeError);
    expect([beside.numRows, beside.parts, beside.where(4)]).toEqual([9, [0], "b.jsonl line 2"]);
    using between = await openRows([lines("d.jsonl"), whole, lines("e.jsonl"), lines("f.jsonl")], makeError);
    expect([between.numRows, between.parts]).toEqual([12, [0, 3, 5, 6]]);
  });

  test.each(["GZIP", "BROTLI", "ZSTD"] as const)("compressed as %s gives the same rows", async (codec) => {
    const path = join(folder, `${codec}.parquet`);
    write(path, codec);
    expect(await allRows(path)).toEqual(rows);
  });

  test("gives nested columns as objects, whole numbers in them as numbers", async () => {
    expect(await allRows(file("struct.parquet", struct()))).toEqual([
      { text: "a", metadata: { task: "x", length: 1 } },
      { text: "b", metadata: { task: "y", length: 2 } },
      { text: "c", metadata: null },
    ]);
  });

  test("that would be read for ever is given up in time, and the next file is read", async () => {
    // Levels in packs of eight whose number is negative: the reader counts down from it and does not come to an end.
    const damaged = struct();
    damaged[49] = 0;
    using source = await openRows([file("endless.parquet", damaged)], makeError, { milliseconds: 1500 });
    await expect(source.read(0)).rejects.toThrow(/row group 0 cannot be read: it is damaged: reading it did not end/);
    await expect(source.read(0)).rejects.toThrow(RowError);
    expect(await allRows(whole)).toEqual(rows);
  });

  test("with any byte changed gives rows or the caller's error, and never hangs", async () => {
    const seconds = Number(process.env["ELASTIC_ATTENTION_FUZZ_SECONDS"] ?? 2);
    const end = performance.now() + 1000 * seconds;
    for (let round = 0; performance.now() < end; round++) {
      const bytes = struct();
      // A stride without a common factor with the length, so that all bytes have their turn.
      bytes[(round * 97 + 31) % bytes.length]! ^= 1 << (round % 8);
      try {
        using source = await openRows([file("changed.parquet", bytes)], makeError, { milliseconds: 1000 });
        for (let row = 0; row < source.numRows; row++) await source.read(row);
      } catch (error) {
        expect(error, `round ${round}`).toBeInstanceOf(RowError);
      }
    }
  }, 180_000);
});

/** Three rows of a text and an optional struct, without compression. */
function struct(): Buffer {
  return Buffer.from(
    [
      "UEFSMRUGFR4VIlwVBhUAFQYVABUAFQAAAA84AQAAAGEBAAAAYgEAAABjFQYVGhUeXBUGFQIVBhUAFQYVAAAAAwoACiQBAAAAeAEAAAB5FQYVJh",
      "UqXBUGFQIVBhUAFQYVAAAAAwoAEDwBAAAAAAAAAAIAAAAAAAAAFQQZXEgGc2NoZW1hFQQAFQwlABgEdGV4dCUAADUCGAhtZXRhZGF0YRUEABUM",
      "JQIYBHRhc2slAAAVBCUCGAZsZW5ndGgAFgYZHBk8JggcFQwZFQAZGAR0ZXh0FQIWBhZMFkwmCDw2ACgBYxgBYQAZHBUGFQAVAgAAACZUHBUMGR",
      "UAGSgIbWV0YWRhdGEEdGFzaxUCFgYWSBZIJlQ8NgIoAXkYAXgAGRwVBhUAFQIAAAAmnAEcFQQZFQAZKAhtZXRhZGF0YQZsZW5ndGgVAhYGFlQW",
      "VCacATw2AigIAgAAAAAAAAAYCAEAAAAAAAAAABkcFQYVABUCAAAAFugBFgYAKAloeXBhcnF1ZXQACwEAAFBBUjE=",
    ].join(""),
    "base64",
  );
}
