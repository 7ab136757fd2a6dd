import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { dequantizeMxfp4, SafetensorsFile } from "../src/index.js";

describe("dequantizeMxfp4", () => {
  test("gives every 4-bit value, the low nibble first, times a power of two", () => {
    const blocks = Uint8Array.from({ length: 32 }, (_, i) => ((2 * i) & 15) | (((2 * i + 1) & 15) << 4));
    const values = new Float32Array(64);
    dequantizeMxfp4(blocks, Uint8Array.of(127, 130), values);
    const positive = [0, 0.5, 1, 1.5, 2, 3, 4, 6];
    const table = [...positive, ...positive.map((value) => -value)];
    expect(Array.from(values)).toEqual([...table, ...table, ...table.map((value) => 8 * value), ...table.map((value) => 8 * value)]);
  });

  test("keeps the smallest scale exact and shows what float32 cannot hold", () => {
    const values = new Float32Array(64);
    dequantizeMxfp4(new Uint8Array(32).fill(0x71), Uint8Array.of(0, 255), values);
    expect([values[0], values[1]]).toEqual([2 ** -128, 6 * 2 ** -127]);
    expect([values[32], values[33]]).toEqual([2 ** 127, Infinity]);
  });

  const shared = process.env["ELASTIC_ATTENTION_SHARED"];
  const folder = shared === undefined ? undefined : join(shared, "fixtures/gguf/other");
  const known = folder !== undefined && existsSync(folder);
  test.skipIf(!known)(`agrees bit for bit with recorded tensors${known ? "" : " (ELASTIC_ATTENTION_SHARED is not set)"}`, () => {
    using packed = SafetensorsFile.open(join(folder!, "mxfp4-gpt-oss.safetensors"));
    using expected = SafetensorsFile.open(join(folder!, "mxfp4-gpt-oss.expected.safetensors"));
    for (const name of expected.tensors.keys()) {
      const bytes = expected.read(name);
      const values = new Float32Array(bytes.byteLength / 4);
      dequantizeMxfp4(packed.read(`${name}_blocks`), packed.read(`${name}_scales`), values);
      expect(Buffer.compare(Buffer.from(values.buffer), Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)) === 0 ? "equal" : name).toBe("equal");
    }
  });
});
