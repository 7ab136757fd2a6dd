import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConversionError } from "@elastic-attention/core";
import { ReferenceBackend, writeGguf, writeSafetensors } from "@elastic-attention/tensor";
import { checkModel, type ConvertedType, forward, ggufTarget, openModelFiles, PretrainedModel, safetensorsTarget } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { relativeError } from "../fixture-cases.js";
import type { OracleConfig } from "../oracle/oracle-model.js";
import { tinyFamilies } from "../oracle/tiny-families.js";
import { tinyModelFolder } from "../oracle/tiny-model-folder.js";

const ids = Array.from({ length: 30 }, (_, i) => (i * 7 + i * i * 3) % 40);

async function logits(path: string): Promise<Float32Array> {
  using backend = new ReferenceBackend();
  using model = await PretrainedModel.open({ path, backend, dtype: "f32" });
  return (await forward(model.decoder, ids, ids.length)).logits;
}

function toGguf(path: string, out: string, type?: ConvertedType): string {
  using files = openModelFiles(path);
  const { metadata, tensors } = ggufTarget(checkModel(files), type, new Map(), "tiny");
  writeGguf(out, metadata, tensors);
  return out;
}

function toFolder(path: string, out: string, type?: ConvertedType): string {
  using files = openModelFiles(path);
  const { config, tensors } = safetensorsTarget(checkModel(files), type);
  mkdirSync(out);
  writeFileSync(join(out, "config.json"), JSON.stringify(config));
  writeSafetensors(join(out, "model.safetensors"), tensors);
  return out;
}

/** What GGUF files have no way to say, of the families of the tests. */
const refused: Readonly<Record<string, RegExp>> = {};

describe("a model is written as GGUF and back, or refused by name:", () => {
  test.each(tinyFamilies)("%s", async (name, config) => {
    using folder = tinyModelFolder(config as OracleConfig);
    const out = join(folder.path, "converted.gguf");
    const problem = refused[name];
    if (problem !== undefined) {
      expect(() => toGguf(folder.path, out)).toThrow(ConversionError);
      expect(() => toGguf(folder.path, out)).toThrow(problem);
      return;
    }
    const expected = await logits(folder.path);
    // Equal but for the decimals that floats of the file stand for.
    expect(relativeError(await logits(toGguf(folder.path, out)), expected)).toBeLessThan(1e-5);
    const back = toFolder(out, join(folder.path, "back"));
    expect(relativeError(await logits(back), expected)).toBeLessThan(1e-5);
  });
});
