import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync, writeSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SafetensorsFormatError, type SafetensorsProblem } from "@elastic-attention/core";
import { maxHeaderBytes, SafetensorsFile } from "../src/index.js";
import { hostileHeaders } from "./hostile-headers.js";
import { byteEntry, safetensorsImage, TemporaryFolder } from "./safetensors-image.js";

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
function expectRefusal(path: string, problem: SafetensorsProblem): void {
  let fastest = Infinity;
  for (let attempt = 0; attempt < 5 && fastest > maxMilliseconds; attempt++) {
    const before = heldBytes();
    const start = spentMilliseconds();
    let thrown: unknown;
    try {
      SafetensorsFile.open(path).close();
    } catch (error) {
      thrown = error;
    }
    fastest = Math.min(fastest, spentMilliseconds() - start);
    const grown = heldBytes() - before;
    expect(thrown).toBeInstanceOf(SafetensorsFormatError);
    const error = thrown as SafetensorsFormatError;
    expect(error.problem).toBe(problem);
    expect(error.code).toBe("SAFETENSORS_FORMAT");
    expect(error.file).toBe(path);
    expect(error.message).toContain(path);
    expect(error.message.length).toBeLessThan(path.length + 500);
    expect(grown).toBeLessThan(maxBytes);
  }
  expect(fastest).toBeLessThan(maxMilliseconds);
}

describe("hostile safetensors files", () => {
  it("has a corpus of at least 30 different files", () => {
    expect(new Set(hostileHeaders.map((file) => file.name)).size).toBeGreaterThanOrEqual(30);
  });

  it.each(hostileHeaders)("refuses $name: $problem", ({ image, problem }) => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.safetensors");
    writeFileSync(path, image());
    expectRefusal(path, problem);
  });

  it("looks at the first byte of a 100 MB header before it reads the rest", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.safetensors");
    const descriptor = openSync(path, "w");
    writeSync(descriptor, safetensorsImage("", 0, BigInt(maxHeaderBytes)));
    ftruncateSync(descriptor, 8 + maxHeaderBytes);
    closeSync(descriptor);
    expectRefusal(path, "header-json");
  });

  it("refuses a folder", () => {
    using folder = new TemporaryFolder();
    mkdirSync(folder.file("model.safetensors"));
    expectRefusal(folder.file("model.safetensors"), "not-a-file");
  });

  it.skipIf(process.platform === "win32")("refuses a named pipe without waiting for its writer", () => {
    using folder = new TemporaryFolder();
    execFileSync("mkfifo", [folder.file("model.safetensors")]);
    expectRefusal(folder.file("model.safetensors"), "not-a-file");
  });

  it.skipIf(process.platform !== "linux")("leaves no file open", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.safetensors");
    // Other test files open files of their own meanwhile: only ours count.
    for (const { image } of hostileHeaders) {
      writeFileSync(path, image());
      expect(() => SafetensorsFile.open(path)).toThrow(SafetensorsFormatError);
    }
    expect(openPaths()).not.toContain(path);
    using file = (writeFileSync(path, safetensorsImage("{}")), SafetensorsFile.open(path));
    expect(openPaths()).toContain(file.path);
  });

  it("tells a missing file with the system's own error", () => {
    using folder = new TemporaryFolder();
    expect(() => SafetensorsFile.open(folder.file("nothing"))).toThrow(/ENOENT/);
  });
});

describe("unusual but valid safetensors files", () => {
  const accepted: readonly (readonly [name: string, image: Uint8Array, shapes: Record<string, readonly number[]>])[] = [
    ["no tensors", safetensorsImage("{}"), {}],
    ["only metadata", safetensorsImage({ __metadata__: { format: "pt" } }), {}],
    ["padding after the header", safetensorsImage("{}      \n\t\r"), {}],
    ["a scalar", safetensorsImage({ a: { dtype: "F32", shape: [], data_offsets: [0, 4] } }, 4), { a: [] }],
    ["an empty tensor", safetensorsImage({ a: { dtype: "F32", shape: [0], data_offsets: [0, 0] } }), { a: [0] }],
    [
      "an empty tensor with sizes that overflow without their zero",
      safetensorsImage({ a: { dtype: "F64", shape: [2 ** 53 - 1, 2 ** 53 - 1, 0], data_offsets: [0, 0] } }),
      { a: [2 ** 53 - 1, 2 ** 53 - 1, 0] },
    ],
    [
      "empty tensors between others, in any order",
      safetensorsImage({ d: byteEntry(4, 4), c: byteEntry(2, 4), b: byteEntry(2, 2), a: byteEntry(0, 2), e: byteEntry(0, 0) }, 4),
      { d: [0], c: [2], b: [0], a: [2], e: [0] },
    ],
    [
      "names that every object has",
      safetensorsImage({ constructor: byteEntry(0, 1), toString: byteEntry(1, 2), "": byteEntry(2, 3), 7: byteEntry(3, 4) }, 4),
      { constructor: [1], toString: [1], "": [1], 7: [1] },
    ],
    ["the same key in two objects", safetensorsImage({ dtype: byteEntry(0, 1), shape: byteEntry(1, 2) }, 2), { dtype: [1], shape: [1] }],
  ];

  it.each(accepted)("accepts %s", (_name, image, shapes) => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.safetensors");
    writeFileSync(path, image);
    using file = SafetensorsFile.open(path);
    expect(new Map([...file.tensors].map(([name, entry]) => [name, entry.shape]))).toEqual(new Map(Object.entries(shapes)));
    for (const [name, entry] of file.tensors) {
      expect(file.read(name)).toEqual(new Uint8Array(entry.byteLength).fill(0xda));
    }
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
