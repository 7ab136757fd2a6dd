import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { UnsupportedWeightFormatError } from "@elastic-attention/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GgufCheckpoint, ggufTensorTypes, SafetensorsFile, weightByteLength, weightFormat, weightFormats } from "../../src/index.js";
import { TemporaryFolder } from "../safetensors-image.js";

const folder = new TemporaryFolder();
let [blocks, expected]: [GgufCheckpoint | undefined, SafetensorsFile | undefined] = [undefined, undefined];

beforeAll(() => {
  for (const name of ["types.gguf", "types.safetensors"]) {
    writeFileSync(folder.file(name), gunzipSync(readFileSync(new URL(`fixtures/${name}.gz`, import.meta.url))));
  }
  blocks = GgufCheckpoint.open(folder.file("types.gguf"));
  expected = SafetensorsFile.open(folder.file("types.safetensors"));
});

afterAll(() => {
  blocks?.close();
  expected?.close();
  folder[Symbol.dispose]();
});

/** Reads a tensor as float32, from bytes that begin at an odd address. */
function values(name: string): Float32Array {
  const { type, shape } = blocks!.entry(name);
  const bytes = blocks!.read(name);
  const unaligned = new Uint8Array(bytes.length + 1).subarray(1);
  unaligned.set(bytes);
  const floats = new Float32Array(shape.reduce((product, size) => product * size, 1));
  weightFormat(type, name).dequantize(unaligned, floats);
  return floats;
}

describe("weight formats", () => {
  it("are F32, F16, BF16, Q8_0, Q4_0 to Q5_1, Q2_K to Q6_K, IQ4_NL, IQ4_XS and MXFP4", () => {
    const supported = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "MXFP4"];
    expect([...weightFormats.keys()].sort()).toEqual(supported.sort());
  });

  it.each([...weightFormats.values()])("read $name bit for bit as ggml does", (format) => {
    const names = [...blocks!.names].filter((name) => blocks!.entry(name).type === format.name);
    expect(names.length).toBeGreaterThanOrEqual(1);
    for (const name of names) {
      expect(blocks!.entry(name).shape).toEqual(expected!.entry(name).shape);
      const found = values(name);
      expect({ name, same: Buffer.from(found.buffer).equals(expected!.read(name)) }).toEqual({ name, same: true });
      expect(blocks!.entry(name).byteLength).toBe(weightByteLength(format, found.length));
    }
  });

  it("count their bytes as the types of GGUF do", () => {
    const counted = [...ggufTensorTypes.values()].filter(({ name }) => weightFormats.has(name));
    expect(counted.map(({ name }) => name).sort()).toEqual([...weightFormats.keys()].sort());
    expect(counted).toEqual(counted.map(({ name }) => ({ name, blockSize: weightFormats.get(name)!.blockSize, blockBytes: weightFormats.get(name)!.blockBytes })));
  });

  it("that are not supported are refused by name", () => {
    const others = [...blocks!.names].filter((name) => !weightFormats.has(blocks!.entry(name).type));
    const types = new Set(others.map((name) => blocks!.entry(name).type));
    expect([...types].sort()).toEqual(["IQ1_M", "IQ1_S", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ3_S", "IQ3_XXS", "NVFP4", "TQ1_0", "TQ2_0"]);
    for (const type of types) {
      expect(() => weightFormat(type, "w")).toThrow(UnsupportedWeightFormatError);
      expect(() => weightFormat(type, "w")).toThrow(new RegExp(`w is of type ${type}, .*\n.*Q4_K`));
    }
  });
});
