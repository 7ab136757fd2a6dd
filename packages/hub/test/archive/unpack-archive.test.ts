import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { strToU8, type Zippable, zipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { DamagedArchiveError, HostileArchiveError } from "@elastic-attention/core";
import { fetchArchive, unpackArchive } from "../../src/index.js";
import { filesBelow, startHub, temporaryFolder } from "../temporary-cache.js";

const lines = strToU8(Array.from({ length: 2000 }, (_, index) => `line ${index * 7919}\n`).join(""));

/** Writes an archive; returns its path and the folder that it may be unpacked into. */
function archive(entries: Zippable | Uint8Array): { zip: string; into: string; folder: string } {
  const folder = temporaryFolder();
  const zip = join(folder, "data.zip");
  writeFileSync(zip, entries instanceof Uint8Array ? entries : zipSync(entries));
  return { zip, into: join(folder, "inner", "unpacked"), folder };
}

describe("an archive", () => {
  test("is unpacked once, whole", async () => {
    const { zip, into, folder } = archive({ "data/a.jsonl": lines, "data/b.jsonl": [lines, { level: 0 }], "empty/": new Uint8Array() });
    const progress: number[] = [];
    expect(await unpackArchive(zip, into, { onProgress: (done, total) => progress.push(done / total) })).toBe(into);
    expect(filesBelow(folder)).toEqual(["data.zip", "inner/unpacked/data/a.jsonl", "inner/unpacked/data/b.jsonl"]);
    expect(readFileSync(join(into, "data/a.jsonl"))).toEqual(Buffer.from(lines));
    expect(progress.at(-1)).toBe(1);
    rmSync(zip);
    expect(await unpackArchive(zip, into)).toBe(into);
  });

  test("is unpacked by several at once", async () => {
    const { zip, into, folder } = archive({ "a.txt": lines });
    await Promise.all(Array.from({ length: 4 }, () => unpackArchive(zip, into)));
    expect(filesBelow(folder)).toEqual(["data.zip", "inner/unpacked/a.txt"]);
  });

  test("stops at a signal and leaves nothing", async () => {
    const { zip, into, folder } = archive({ "a.txt": lines, "b.txt": lines });
    const controller = new AbortController();
    const stopped = unpackArchive(zip, into, { signal: controller.signal, onProgress: () => controller.abort(new Error("enough")) });
    await expect(stopped).rejects.toThrow("enough");
    expect(filesBelow(folder)).toEqual(["data.zip"]);
  });
});

describe("nothing is kept of an archive", () => {
  const link = { os: 3, attrs: (0o120777 << 16) >>> 0 };
  test.each<[what: string, entries: Zippable, words: RegExp]>([
    ["whose entry goes up", { "good.txt": lines, "../evil.txt": lines }, /an entry leaves its folder.*\.\.\/evil\.txt/],
    ["whose entry goes up within", { "a/../../evil.txt": lines }, /leaves its folder/],
    ["whose entry goes up with backslashes", { "..\\evil.txt": lines }, /leaves its folder/],
    ["whose entry is absolute", { "/tmp/evil.txt": lines }, /leaves its folder.*absolute/],
    ["whose entry is on another drive", { "C:/evil.txt": lines }, /leaves its folder/],
    ["whose entry has a control character", { "é\u0007.txt": lines }, /leaves its folder/],
    ["whose entry is a link", { "good.txt": lines, link: [strToU8("/etc"), link] }, /"link" is a link or a device/],
    ["whose entries have one path", { "a/b.txt": lines, "a//b.txt": lines }, /leaves its folder/],
    ["whose file is another's folder", { a: lines, "a/b": lines }, /two entries have one path/],
    ["that is packed too well", { "zeros.txt": new Uint8Array(2_000_000) }, /times its own size, and 100 times are allowed/],
  ])("%s", async (_, entries, words) => {
    const { zip, into, folder } = archive(entries);
    const failure = unpackArchive(zip, into);
    await expect(failure).rejects.toThrow(HostileArchiveError);
    await expect(failure).rejects.toThrow(words);
    expect(filesBelow(folder)).toEqual(["data.zip"]);
    expect(existsSync("/tmp/evil.txt")).toBe(false);
  });

  test("that holds more than is allowed", async () => {
    const { zip, into } = archive({ "a.txt": lines, "b.txt": lines });
    await expect(unpackArchive(zip, into, { limits: { bytes: lines.length } })).rejects.toThrow(/it holds \d+ bytes, and \d+ are allowed/);
    await expect(unpackArchive(zip, into, { limits: { entries: 1 } })).rejects.toThrow(HostileArchiveError);
    await unpackArchive(zip, into, { limits: { bytes: 2 * lines.length, entries: 2 } });
  });

  test("that lies about its sizes", async () => {
    const bytes = zipSync({ "zeros.txt": new Uint8Array(2_000_000) });
    // The directory says 1 000 bytes: 2 000 000 is 0x1e8480.
    const directory = Buffer.from(bytes).lastIndexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(directory + 24, 1000, true);
    const { zip, into, folder } = archive(bytes);
    await expect(unpackArchive(zip, into)).rejects.toThrow(DamagedArchiveError);
    expect(filesBelow(folder)).toEqual(["data.zip"]);
  });

  test.each([10, 100, 1000])("that lacks its last %i bytes", async (missing) => {
    const { zip, into, folder } = archive({ "a.txt": lines, "b.txt": lines });
    truncateSync(zip, readFileSync(zip).length - missing);
    await expect(unpackArchive(zip, into)).rejects.toThrow(DamagedArchiveError);
    expect(filesBelow(folder)).toEqual(["data.zip"]);
  });

  test("with a changed byte", async () => {
    const bytes = zipSync({ "a.txt": [lines, { level: 0 }] });
    bytes[bytes.length >> 1]! ^= 1;
    const { zip, into } = archive(bytes);
    await expect(unpackArchive(zip, into)).rejects.toThrow(/a\.txt has another checksum/);
  });

  test("that is none", async () => {
    const { zip, into } = archive(lines);
    await expect(unpackArchive(zip, into)).rejects.toThrow(DamagedArchiveError);
  });
});

test("an archive of a repository is fetched and unpacked once, next to it", async () => {
  const { hub, settings } = await startHub({ "datasets/someone/texts": { "data.zip": zipSync({ "data/a.jsonl": lines }) } });
  const request = { repository: { type: "dataset", name: "someone/texts" }, archive: "data.zip", settings } as const;
  const first = await fetchArchive(request);
  expect(filesBelow(first.unpacked)).toEqual(["data/a.jsonl"]);
  expect(first.unpacked).toBe(join(settings.cacheFolder, "datasets--someone--texts/unpacked", first.files[0]!.hash.hex));
  await hub[Symbol.asyncDispose]();
  expect(await fetchArchive({ ...request, onUnpack: () => expect.unreachable() })).toEqual({ ...first, current: false });
});
