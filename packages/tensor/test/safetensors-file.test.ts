import { closeSync, ftruncateSync, openSync, statSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { DisposedError, MissingTensorError, SafetensorsFormatError, ShapeError } from "@elastic-attention/core";
import { SafetensorsFile } from "../src/index.js";
import { byteEntry, safetensorsImage, TemporaryFolder } from "./safetensors-image.js";

const twoTensors = safetensorsImage({ a: byteEntry(0, 4), b: byteEntry(4, 8) }, 8);

describe("SafetensorsFile", () => {
  it("reads positions beyond 2 and 4 GiB of a sparse file", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.safetensors");
    const [middle, end] = [2 ** 31 + 4, 2 ** 32 + 4096];
    const header = safetensorsImage({
      large: { dtype: "F32", shape: [middle / 4], data_offsets: [0, middle] },
      larger: { dtype: "BF16", shape: [(end - middle) / 2], data_offsets: [middle, end] },
      last: { dtype: "U8", shape: [3], data_offsets: [end, end + 3] },
    });
    const descriptor = openSync(path, "w");
    writeSync(descriptor, header);
    ftruncateSync(descriptor, header.length + end + 3);
    const put = (text: string, dataOffset: number) => writeSync(descriptor, Buffer.from(text), 0, text.length, header.length + dataOffset);
    put("head", 0);
    put("tail", middle - 4);
    put("next", middle);
    put("over", end - 4);
    put("end", end);
    closeSync(descriptor);
    expect(statSync(path).blocks * 512).toBeLessThan(1 << 20);

    using file = SafetensorsFile.open(path);
    const text = (name: string, start: number, length: number) =>
      Buffer.from(file.read(name, { start, end: start + length })).toString();
    expect(file.entry("large").byteLength).toBe(middle);
    expect(text("large", 0, 4)).toBe("head");
    expect(text("large", middle - 4, 100)).toBe("tail");
    expect(text("larger", 0, 4)).toBe("next");
    expect(text("larger", end - middle - 4, 4)).toBe("over");
    expect(Buffer.from(file.read("last")).toString()).toBe("end");
  });

  it("gives bytes that any typed array can look at, whatever the offset in the file", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.safetensors");
    const header = { odd: byteEntry(0, 3), f: { dtype: "F32", shape: [2], data_offsets: [3, 11] } };
    writeFileSync(path, safetensorsImage(header, 11));
    using file = SafetensorsFile.open(path);
    const bytes = file.read("f");
    expect(bytes.byteOffset % 8).toBe(0);
    expect(new Float32Array(bytes.buffer, bytes.byteOffset, 2)).toHaveLength(2);
  });

  it("names a missing tensor and its file", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.safetensors");
    writeFileSync(path, twoTensors);
    using file = SafetensorsFile.open(path);
    expect(() => file.read("c")).toThrow(MissingTensorError);
    expect(() => file.entry("toString")).toThrow(`${path} has no tensor "toString"`);
  });

  it("never reads outside a tensor", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.safetensors");
    writeFileSync(path, twoTensors);
    using file = SafetensorsFile.open(path);
    const ranges: readonly (readonly [number, number])[] = [[-1, 2], [-4, -1], [3, 2], [0.5, 2], [0, 1.5], [NaN, 2], [0, NaN], [Infinity, Infinity]];
    for (const [start, end] of ranges) expect(() => file.read("b", { start, end })).toThrow(ShapeError);
    expect(file.read("b", { start: 4, end: 9 })).toHaveLength(0);
    expect(file.read("b", { start: 100, end: 200 })).toHaveLength(0);
  });

  it("tells when the file shrank after it was opened", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.safetensors");
    writeFileSync(path, twoTensors);
    using file = SafetensorsFile.open(path);
    truncateSync(path, twoTensors.length - 2);
    expect(file.read("a")).toHaveLength(4);
    expect(() => file.read("b")).toThrow(SafetensorsFormatError);
    expect(() => file.read("b")).toThrow(/ends at byte/);
  });

  it("can be closed twice and throws DisposedError afterwards", () => {
    using folder = new TemporaryFolder();
    const path = folder.file("model.safetensors");
    writeFileSync(path, twoTensors);
    const file = SafetensorsFile.open(path);
    file.close();
    file.close();
    expect(() => file.read("a")).toThrow(DisposedError);
    expect(file.entry("a").shape).toEqual([4]);
  });
});
