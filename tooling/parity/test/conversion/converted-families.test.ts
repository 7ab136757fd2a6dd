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
const refused: Readonly<Record<string, RegExp>> = {
  "Llama with dynamic scaling": /architecture llama would be another model: layers\.0\.rope\.type is "dynamic", not "default"/,
  Qwen2: /architecture qwen2 would be another model: layers\.1\.window is 6, not undefined/,
  Qwen3: /architecture qwen3 would be another model: layers\.1\.window is 7, not undefined/,
  Mistral: /architecture llama would be another model: layers\.0\.window is 9, not undefined/,
  "gpt-oss": /GptOssForCausalLM keeps all experts of a layer in one tensor/,
  Ministral: /MinistralForCausalLM is not written as GGUF; written are: LlamaForCausalLM, /,
  "Ministral 3": /Ministral3ForCausalLM is not written as GGUF/,
  "Gemma 2": /gemma2 would be another model: attentionScale is 0\.30\d+, not 0\.28/,
  "Gemma 3": /gemma3 would be another model: attentionScale is 0\.30\d+, not 0\.28/,
  SmolLM3: /smollm3 would be another model: layers\.1\.rope is undefined/,
  GLM: /GlmForCausalLM is not written as GGUF/,
};
/** The same families with what their files can say. */
const families = new Map(tinyFamilies);
const noWindow = { use_sliding_window: false, sliding_window: null, layer_types: undefined };
const writable: typeof tinyFamilies = [
  ["Qwen2 without windows", { ...families.get("Qwen2")!, ...noWindow }],
  ["Qwen3 without windows", { ...families.get("Qwen3")!, ...noWindow }],
  ["Gemma 2 of the usual scale", { ...families.get("Gemma 2")!, query_pre_attn_scalar: 12 }],
  ["Gemma 3 of the usual scale", { ...families.get("Gemma 3")!, query_pre_attn_scalar: 12 }],
  ["SmolLM3 of the usual layers", { ...families.get("SmolLM3")!, num_hidden_layers: 5, layer_types: undefined, no_rope_layers: [1, 1, 1, 0, 1] }],
];

describe("a model is written as GGUF and back, or refused by name:", () => {
  test.each([...tinyFamilies, ...writable])("%s", async (name, config) => {
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
