import { GgufMetadataError, ShapeError } from "@elastic-attention/core";
import { ReferenceBackend, weightFormat } from "@elastic-attention/tensor";
import { forward, openModelFiles, PretrainedModel } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { relativeError } from "../fixture-cases.js";
import { type ExpertBytes, type FamilyFileOptions, writeFamilyFile } from "./gguf-family-file.js";
import type { OracleConfig } from "../oracle/oracle-model.js";
import { tinyFamilies } from "../oracle/tiny-families.js";
import { tinyModelFolder } from "../oracle/tiny-model-folder.js";

const ids = Array.from({ length: 30 }, (_, i) => (i * 7 + i * i * 3) % 40);
const families = new Map(tinyFamilies);
const family = (name: string, more: OracleConfig = {}): OracleConfig => ({ ...families.get(name)!, ...more });
const noWindow = { use_sliding_window: false, sliding_window: null, layer_types: undefined };
const types = (letters: string) => ({ layer_types: Array.from(letters, (letter) => (letter === "S" ? "sliding_attention" : "full_attention")), num_hidden_layers: letters.length });

/** What GGUF can say of each family: Gemma's scale and SmolLM3's layers without positions are fixed by the architecture. */
const cases: readonly { readonly name: string; readonly config: OracleConfig; readonly options?: FamilyFileOptions }[] = [
  { name: "Llama", config: family("Llama") },
  { name: "Llama with biases", config: family("Llama with biases") },
  { name: "Llama with linear scaling", config: family("Llama with linear scaling") },
  { name: "Llama with YaRN", config: family("Llama with YaRN") },
  { name: "Llama with longrope", config: family("Llama with longrope"), options: { keys: { "rope.scaling.type": "longrope", "rope.scaling.original_context_length": 16 } } },
  { name: "Llama 3.1", config: family("Llama 3.1") },
  { name: "Qwen2", config: family("Qwen2", noWindow) },
  { name: "Qwen3", config: family("Qwen3", noWindow) },
  { name: "Mixtral", config: family("Mixtral") },
  { name: "Mixtral, each expert by itself", config: family("Mixtral"), options: { separateExperts: true } },
  { name: "Qwen3-MoE", config: family("Qwen3-MoE") },
  { name: "Qwen3-MoE with normalised weights", config: family("Qwen3-MoE with normalised weights") },
  { name: "gpt-oss", config: family("gpt-oss") },
  { name: "Gemma 2", config: family("Gemma 2", { query_pre_attn_scalar: 12 }) },
  { name: "Gemma 2 of 46 layers, the scale of the largest", config: family("Gemma 2", { query_pre_attn_scalar: 8, hidden_size: 32, ...types("SF".repeat(23)) }) },
  { name: "Gemma 3", config: family("Gemma 3", { query_pre_attn_scalar: 12 }) },
  { name: "Gemma 3, its pattern left to the architecture", config: family("Gemma 3", { query_pre_attn_scalar: 12, ...types("SSSSSFS") }), options: { keys: { "attention.sliding_window_pattern": undefined } } },
  { name: "Gemma 3, its pattern a number", config: family("Gemma 3", { query_pre_attn_scalar: 12, ...types("SSFS") }), options: { keys: { "attention.sliding_window_pattern": 3, "rope.freq_base_swa": 10_000 } } },
  { name: "Gemma 3 without windows", config: family("Gemma 3", { query_pre_attn_scalar: 12, sliding_window: undefined, ...types("FFF") }) },
  { name: "Phi-3", config: family("Phi-3") },
  { name: "Phi-3 with longrope", config: family("Phi-3 with longrope") },
  { name: "SmolLM3", config: family("SmolLM3", { num_hidden_layers: 5, no_rope_layers: [1, 1, 1, 0, 1] }) },
  { name: "OLMo 2", config: family("OLMo 2") },
  { name: "Granite", config: family("Granite") },
  { name: "GLM-4", config: family("GLM-4") },
  { name: "EXAONE 4", config: family("EXAONE 4") },
  { name: "EXAONE 4 without windows", config: family("EXAONE 4", { sliding_window: null, layer_types: undefined }) },
  { name: "Seed-OSS", config: family("Seed-OSS") },
  { name: "Cohere 2", config: family("Cohere 2") },
  { name: "Nemotron", config: family("Nemotron") },
];

async function logits(path: string): Promise<Float32Array> {
  using backend = new ReferenceBackend();
  using model = await PretrainedModel.open({ path, backend, dtype: "f32" });
  expect(model.notes).toEqual([]);
  return (await forward(model.decoder, ids, ids.length)).logits;
}

describe("a GGUF file of", () => {
  // Equal but for the decimals that floats of the file stand for: the bound is that of tiny models in the fixtures.
  test.each(cases)("$name computes what its safetensors do", async ({ config, options }) => {
    using folder = tinyModelFolder(config);
    const expected = await logits(folder.path);
    expect(relativeError(await logits(writeFamilyFile(folder.path, config, folder.tensors, options)), expected)).toBeLessThan(1e-5);
  });
});

/** Bytes of some format that are numbers of a usual size: scales near 1/16. */
const blocksOf = (type: string, scale: readonly number[]): ExpertBytes => (values) => {
  const { blockSize, blockBytes } = weightFormat(type, type);
  const bytes = Uint8Array.from({ length: (values.length / blockSize) * blockBytes }, (_, i) => (i % blockBytes < scale.length ? scale[i % blockBytes]! : (i * 73 + 11) & 0xff));
  return { type, bytes };
};
/** The same numbers as floats. */
const unpacked = (encode: ExpertBytes): ExpertBytes => (values) => {
  const { type, bytes } = encode(values);
  const floats = new Float32Array(values.length);
  weightFormat(type, type).dequantize(bytes, floats);
  return { type: "F32", bytes: new Uint8Array(floats.buffer) };
};

describe("experts in blocks", () => {
  test.each([
    ["gpt-oss", "MXFP4", [123]],
    ["Qwen3-MoE", "Q8_0", [0x00, 0x0c]],
    ["Mixtral", "Q4_0", [0x00, 0x2c]],
  ] as const)("%s in %s compute what their unpacked values do", async (name, type, scale) => {
    const config = family(name, { intermediate_size: 32, ...(name === "Qwen3-MoE" ? { moe_intermediate_size: 32 } : {}) });
    using folder = tinyModelFolder(config);
    const blocks = blocksOf(type, scale);
    const expected = await logits(writeFamilyFile(folder.path, config, folder.tensors, { experts: unpacked(blocks) }));
    expect(await logits(writeFamilyFile(folder.path, config, folder.tensors, { experts: blocks }))).toEqual(expected);
    expect(expected.some((value) => value !== 0)).toBe(true);
  });
});

describe("a GGUF file that its architecture does not explain is refused:", () => {
  const wrong: readonly (readonly [why: string, name: string, options: FamilyFileOptions, error: { new (...parameters: never[]): Error }, message: RegExp])[] = [
    ["experts of another number", "Mixtral", { keys: { expert_count: 3 } }, ShapeError, /ffn_gate_exps.weight is \[4, 24, 32\], not the matrices of 3 experts/],
    ["more experts than tensors", "Mixtral", { keys: { expert_count: 4000 }, separateExperts: true }, GgufMetadataError, /expert_count must not be above the number of tensors/],
    ["more experts than any model has", "Mixtral", { keys: { expert_count: 5000 } }, GgufMetadataError, /expert_count must be at most 4096/],
    ["experts without their number", "Qwen3-MoE", { keys: { expert_count: undefined } }, GgufMetadataError, /qwen3moe.expert_count is missing/],
    ["experts in a family without", "Granite", { keys: { expert_count: 4 } }, GgufMetadataError, /granite.expert_count asks for what is not supported/],
    ["a sigmoid over experts", "Qwen3-MoE", { keys: { expert_gating_func: 2 } }, GgufMetadataError, /expert_gating_func asks for what is not supported/],
    ["windows in a family without", "OLMo 2", { keys: { "attention.sliding_window": 8 } }, GgufMetadataError, /olmo2.attention.sliding_window asks for/],
    ["a pattern for fewer layers", "EXAONE 4", { keys: { "attention.sliding_window_pattern": [true, false] } }, GgufMetadataError, /sliding_window_pattern must have an element for each of the 3 layers/],
    ["a pattern in words", "EXAONE 4", { keys: { "attention.sliding_window_pattern": "LLLG" } }, GgufMetadataError, /sliding_window_pattern must be a whole number/],
    ["another base where layers slide", "gpt-oss", { keys: { "rope.freq_base_swa": 7 } }, GgufMetadataError, /freq_base_swa asks for what is not supported/],
    ["an odd number of turned dimensions", "GLM-4", { keys: { "rope.dimension_count": 5 } }, GgufMetadataError, /dimension_count must be an even number of the 8 dimensions/],
    ["more turned dimensions than there are", "Nemotron", { keys: { "rope.dimension_count": 10 } }, GgufMetadataError, /dimension_count must be an even number of the 8 dimensions/],
    ["soft caps in a family without", "OLMo 2", { keys: { final_logit_softcapping: 30 } }, GgufMetadataError, /final_logit_softcapping asks for/],
    ["two kinds of scaling", "Phi-3 with longrope", { keys: { "rope.scaling.type": "yarn", "rope.scaling.factor": 2 } }, GgufMetadataError, /scaling.type must be "longrope" in a file with rope_factors_long.weight/],
    ["longrope without the length before it", "Llama with longrope", {}, GgufMetadataError, /original_context_length is missing/],
  ];
  test.each(wrong)("%s (%s)", (_why, name, options, error, message) => {
    const config = family(name);
    using folder = tinyModelFolder(config);
    const path = writeFamilyFile(folder.path, config, folder.tensors, options);
    expect(() => openModelFiles(path)).toThrow(error);
    expect(() => openModelFiles(path)).toThrow(message);
  });
});
