import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileWriteError, writeFileWhole } from "../src/index.js";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "write-file-"))));
afterEach(() => rmSync(folder, { recursive: true }));

describe("writeFileWhole", () => {
  it("writes text and pieces of bytes, in the place of what was there", () => {
    const path = join(folder, "a");
    writeFileWhole(path, "Größe\n");
    expect(readFileSync(path, "utf8")).toBe("Größe\n");
    writeFileWhole(path, [Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)]);
    expect([...readFileSync(path)]).toEqual([1, 2, 3]);
  });

  it("leaves the old file, and nothing beside it, when a piece cannot be made", () => {
    const path = join(folder, "a");
    writeFileSync(path, "old");
    function* pieces(): Generator<Uint8Array> {
      yield Uint8Array.of(1);
      throw new RangeError("no second piece");
    }
    expect(() => writeFileWhole(path, pieces())).toThrow(RangeError);
    expect([readFileSync(path, "utf8"), readdirSync(folder)]).toEqual(["old", ["a"]]);
  });

  it("names the file and says what to do when it cannot be written", () => {
    const missing = join(folder, "none", "a");
    expect(() => writeFileWhole(missing, "x")).toThrow(FileWriteError);
    expect(() => writeFileWhole(missing, "x")).toThrow(`Cannot write ${missing}: no such folder.\n  hint: Make the folder first`);
    mkdirSync(join(folder, "b"));
    expect(() => writeFileWhole(join(folder, "b"), "x")).toThrow(FileWriteError);
    expect(existsSync(join(folder, "b"))).toBe(true);
    const full = new FileWriteError("out", Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" }));
    expect(full.message).toBe("Cannot write out: no space left on device.\n  hint: Make room, or name a place on another disk.");
  });
});
