import { readFileSync } from "node:fs";
import { join } from "node:path";
import { SafetensorsCheckpoint, scaledValues } from "@elastic-attention/tensor";
import { ModelConfig, readQuantisation, UnpackedCheckpoint } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { fixtureFolder } from "../fixture-cases.js";

const folder = fixtureFolder(join("gguf", "other"));
const cases = ["fp8-block-bf16-scale", "fp8-block-f32-scale", "ct-fp8-channel", "ct-fp8-tensor", "ct-int8-channel", "gptq-sym", "gptq-asym", "gptq-asym-act-order", "gptq-v2-asym-act-order", "awq-int4", "ct-int4-sym", "ct-int4-asym", "ct-int4-sym-act-order"];

describe.skipIf(folder === undefined)("a matrix of a quantised checkpoint", () => {
  test.each(cases)("has the same bits as other code unpacks: %s", (name) => {
    const config = new ModelConfig(JSON.parse(readFileSync(join(folder!, `${name}.json`), "utf8")) as Record<string, unknown>);
    using checkpoint = new UnpackedCheckpoint(SafetensorsCheckpoint.open(join(folder!, `${name}.safetensors`)), readQuantisation(config)!);
    using expected = SafetensorsCheckpoint.open(join(folder!, `${name}.expected.safetensors`));
    expect([...checkpoint.names]).toEqual([...expected.names]);
    for (const tensor of expected.names) {
      expect(checkpoint.entry(tensor)).toMatchObject({ type: "F32", shape: expected.entry(tensor).shape });
      expect(Buffer.compare(checkpoint.read(tensor), expected.read(tensor))).toBe(0);
      expect(checkpoint.read(tensor, { start: 8, end: 44 })).toEqual(expected.read(tensor).slice(8, 44));
    }
  });

  test.each(cases)("stands for the same bits as it is stored, unless its groups are no runs: %s", (name) => {
    const config = new ModelConfig(JSON.parse(readFileSync(join(folder!, `${name}.json`), "utf8")) as Record<string, unknown>);
    using checkpoint = new UnpackedCheckpoint(SafetensorsCheckpoint.open(join(folder!, `${name}.safetensors`)), readQuantisation(config)!);
    for (const tensor of checkpoint.names) {
      const scaled = checkpoint.scaled(tensor);
      expect(scaled === undefined).toBe(name.includes("act-order"));
      if (scaled === undefined) continue;
      const values = scaledValues(scaled.read());
      expect(Buffer.compare(new Uint8Array(values.buffer), checkpoint.read(tensor))).toBe(0);
    }
  });
});
