import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync, writeSync } from "node:fs";
import { GgufFormatError, type GgufProblem } from "@elastic-attention/core";
import { describe, expect, it } from "vitest";
import { GgufFile } from "../../src/index.js";
import { TemporaryFolder } from "../safetensors-image.js";
import { arrayValue, floatTensor, ggufImage, key, valueTypeNumbers } from "./gguf-image.js";
import { hostileGgufFiles } from "./hostile-gguf-files.js";

const maxMilliseconds = 50;
const maxBytes = 64e6;

function heldBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Time that this thread computed, where the system tells it: tests beside this one also want the processor. */
function spentMilliseconds(): number {
  try {
    return Number(readFileSync("/proc/thread-self/schedstat", "utf8").split(" ")[0]) / 1e6;
  } catch {
    return performance.now();
  }
}

/** Refused for this problem, in time and memory; the fastest of five tries counts, as other work shares the machine. */
function expectRefusal(path: string, problem: GgufProblem): void {
  let fastest = Infinity;
  for (let attempt = 0; attempt < 5 && fastest > maxMilliseconds; attempt++) {
    const before = heldBytes();
    const start = spentMilliseconds();
    let thrown: unknown;
    try {
      GgufFile.open(path).close();
    } catch (error) {
      thrown = error;
    }
    fastest = Math.min(fastest, spentMilliseconds() - start);
    const grown = heldBytes() - before;
    expect(thrown).toBeInstanceOf(GgufFormatError);
    const error = thrown as GgufFormatError;
    expect(error).toMatchObject({ problem });
    expect(error.code).toBe("GGUF_FORMAT");
    expect(error.message).toContain(path);
    expect(error.message.length).toBeLessThan(path.length + 600);
    expect(grown).toBeLessThan(maxBytes);
  }
  expect(fastest).toBeLessThan(maxMilliseconds);
}

/** A file of these bytes that goes on with zeros. */
function sparseFile(path: string, start: Uint8Array, bytes: number): void {
  const descriptor = openSync(path, "w");
  writeSync(descriptor, start);
  ftruncateSync(descriptor, bytes);
  closeSync(descriptor);
}

describe("hostile GGUF files", () => {
  it("has a corpus of at least 30 different files", () => {
    expect(new Set(hostileGgufFiles.map((file) => file.name)).size).toBeGreaterThanOrEqual(30);
  });

  it.each(hostileGgufFiles)("refuses $name: $problem", ({ image, problem }) => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.gguf");
    writeFileSync(path, image());
    expectRefusal(path, problem);
  });

  it("does not walk over billions of texts, all of them there", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.gguf");
    const value = arrayValue(valueTypeNumbers.string, [], 10n ** 10n);
    sparseFile(path, ggufImage({ keys: [{ key: "k", type: valueTypeNumbers.array, value }] }), 10 ** 11);
    expectRefusal(path, "count-too-large");
  });

  it("does not walk over many lists of many texts", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.gguf");
    const value = arrayValue(valueTypeNumbers.string, [new Uint8Array(8 * 900_000)], 900_000n);
    writeFileSync(path, ggufImage({ keys: ["a", "b", "c"].map((name) => ({ key: name, type: valueTypeNumbers.array, value })) }));
    expectRefusal(path, "count-too-large");
  });

  it("stops in a header of long texts, all of them there", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.gguf");
    writeFileSync(path, ggufImage({ keys: ["a", "b", "c", "d", "e", "f", "g"].map((name) => key(name, "x".repeat(8e6))) }));
    expectRefusal(path, "count-too-large");
  });

  it("stops in a header of many arrays of gigabytes", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.gguf");
    const value = arrayValue(valueTypeNumbers.u8, [], 10n ** 10n);
    sparseFile(path, ggufImage({ keys: [{ key: "k", type: valueTypeNumbers.array, value }] }), 10 ** 11);
    expectRefusal(path, "header-too-large");
  });

  it("refuses a folder", () => {
    using folder = new TemporaryFolder();
    mkdirSync(folder.file("model.gguf"));
    expectRefusal(folder.file("model.gguf"), "not-a-file");
  });

  it.skipIf(process.platform === "win32")("refuses a named pipe without waiting for its writer", () => {
    using folder = new TemporaryFolder();
    execFileSync("mkfifo", [folder.file("model.gguf")]);
    expectRefusal(folder.file("model.gguf"), "not-a-file");
  });

  it.skipIf(process.platform !== "linux")("leaves no file open", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.gguf");
    for (const { image } of hostileGgufFiles) {
      writeFileSync(path, image());
      expect(() => GgufFile.open(path)).toThrow(GgufFormatError);
    }
    expect(openPaths()).not.toContain(path);
    using file = (writeFileSync(path, ggufImage({})), GgufFile.open(path));
    expect(openPaths()).toContain(file.path);
  });

  it("names what a big-endian file is, and what a removed type is called", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.gguf");
    const message = (name: string) => {
      writeFileSync(path, hostileGgufFiles.find((file) => file.name === name)!.image());
      try {
        GgufFile.open(path).close();
      } catch (error) {
        return (error as Error).message;
      }
      return "";
    };
    expect(message("big endian")).toMatch(/big-endian/);
    expect(message("a tensor of a type that was removed")).toMatch(/Q4_2/);
  });
});

describe("unusual but valid GGUF files", () => {
  const accepted: readonly (readonly [name: string, image: Uint8Array, shapes: Record<string, readonly number[]>])[] = [
    ["nothing in it", ggufImage({}), {}],
    ["version 2", ggufImage({ version: 2, tensors: [floatTensor("w", [8, 4])] }), { w: [4, 8] }],
    ["an alignment of 1", ggufImage({ keys: [key("general.alignment", 1)], alignment: 1, tensors: [floatTensor("w", [3]), floatTensor("v", [1])] }), { w: [3], v: [1] }],
    ["an alignment of 4096", ggufImage({ keys: [key("general.alignment", 4096)], alignment: 4096, tensors: [floatTensor("w", [3]), floatTensor("v", [1])] }), { w: [3], v: [1] }],
    ["an empty tensor", ggufImage({ tensors: [floatTensor("w", [8, 0]), floatTensor("v", [2])] }), { w: [0, 8], v: [2] }],
    ["tensors in another order than their bytes", ggufImage({ tensors: [{ ...floatTensor("b", [2]), offset: 32n }, { ...floatTensor("a", [2]), offset: 0n }] }), { b: [2], a: [2] }],
    ["names that every object has", ggufImage({ keys: [key("constructor", 1), key("__proto__", "x")], tensors: [floatTensor("toString", [1]), floatTensor("__proto__", [2])] }), { toString: [1], ["__proto__"]: [2] }],
    ["no padding behind the last tensor", ggufImage({ tensors: [floatTensor("w", [3])] }).subarray(0, -20), { w: [3] }],
    ["a type that cannot be read, but counted", ggufImage({ tensors: [{ name: "w", sizes: [256, 1], type: 16, bytes: new Uint8Array(66) }] }), { w: [1, 256] }],
  ];

  it.each(accepted)("accepts %s", (_name, image, shapes) => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.gguf");
    writeFileSync(path, image);
    using file = GgufFile.open(path);
    expect([...file.tensors].map(([name, entry]) => [name, entry.shape])).toEqual(Object.keys(shapes).map((name) => [name, shapes[name]]));
    for (const [name, entry] of file.tensors) expect(file.read(name)).toEqual(new Uint8Array(entry.byteLength));
  });
});

function openPaths(): readonly string[] {
  return readdirSync("/proc/self/fd").flatMap((descriptor) => {
    try {
      return [readlinkSync(`/proc/self/fd/${descriptor}`)];
    } catch {
      return [];
    }
  });
}
