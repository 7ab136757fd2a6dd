import { ModelConfigError } from "@elastic-attention/core";
import { interpretConfig, ModelConfig, type ModelSpec } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { registerModelFamilies } from "../src/index.js";

registerModelFamilies();

const base = {
  vocab_size: 32_000,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 6,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 8192,
  hidden_act: "silu",
  rms_norm_eps: 1e-5,
};
type Values = Readonly<Record<string, unknown>>;

function read(architecture: string, values: Values): ModelSpec {
  const config = new ModelConfig({ ...base, architectures: [`${architecture}ForCausalLM`], ...values });
  const { spec, unknownKeys } = interpretConfig(config);
  expect(unknownKeys).toEqual([]);
  return spec;
}
const windows = ({ layers }: ModelSpec) => layers.map(({ window }) => window);
const thetas = ({ layers }: ModelSpec) => layers.map(({ rope }) => rope?.theta);
const types = (letters: string) => Array.from(letters, (letter) => (letter === "S" ? "sliding_attention" : "full_attention"));
const everyLayer = (layer: Values) => Array.from({ length: base.num_hidden_layers }, () => layer);
const list = (length: number) => Array.from({ length }, (_, i) => 1 + i / 10);

describe("published configurations", () => {
  test("Mistral 7B v0.1 slides in every layer, v0.3 in none", () => {
    expect(windows(read("Mistral", { sliding_window: 4096, rope_theta: 10_000 }))).toEqual(Array(6).fill(4096));
    expect(windows(read("Mistral", { sliding_window: null, rope_theta: 1_000_000 }))).toEqual(Array(6).fill(undefined));
  });

  test("Gemma 2 has its class's caps, scale and windows where the file leaves them out", () => {
    const spec = read("Gemma2", { head_dim: 16, hidden_activation: "gelu_pytorch_tanh", hidden_act: "gelu_pytorch_tanh" });
    expect(spec).toMatchObject({ attentionSoftCap: 50, logitsSoftCap: 30, attentionScale: 1 / 16, embeddingScale: 8, tiedEmbeddings: true, normPlaces: "both" });
    expect(windows(spec)).toEqual([4096, undefined, 4096, undefined, 4096, undefined]);
    expect(read("Gemma2", { attn_logit_softcapping: null, final_logit_softcapping: null })).toMatchObject({ attentionSoftCap: undefined, logitsSoftCap: undefined });
  });

  test("Gemma 3 1B as it was published: a pattern of six, two bases", () => {
    const spec = read("Gemma3", { head_dim: 16, sliding_window: 512, sliding_window_pattern: 6, rope_theta: 1_000_000, rope_local_base_freq: 10_000, query_pre_attn_scalar: 256, hidden_activation: "gelu_pytorch_tanh" });
    expect(windows(spec)).toEqual([512, 512, 512, 512, 512, undefined]);
    expect(thetas(spec)).toEqual([10_000, 10_000, 10_000, 10_000, 10_000, 1_000_000]);
  });

  test("Gemma 3 scales its global layers alone", () => {
    const spec = read("Gemma3", { rope_scaling: { rope_type: "linear", factor: 8 } });
    expect(spec.layers.map(({ rope }) => rope?.type)).toEqual(["default", "default", "default", "default", "default", "linear"]);
  });

  test("Phi-3.5 and Phi-4 mini: longrope under its old name, three quarters of a head", () => {
    const scaling = { type: "su", short_factor: list(8), long_factor: list(8) };
    const rope = { type: "longrope", originalContextLength: 4096, rotatedDim: 16, attentionFactor: Math.sqrt(1 + Math.log(2) / Math.log(4096)) };
    expect(read("Phi3", { rope_scaling: scaling, original_max_position_embeddings: 4096 }).layers[0]!.rope).toMatchObject(rope);
    const partial = { partial_rotary_factor: 0.75, rope_scaling: { ...scaling, type: "longrope", short_factor: list(6), long_factor: list(6) } };
    expect(read("Phi3", { ...partial, original_max_position_embeddings: 4096 }).layers[0]!.rope).toMatchObject({ rotatedDim: 12 });
  });

  test("SmolLM3 has no positions in every fourth layer", () => {
    const spec = read("SmolLM3", { no_rope_layer_interval: 4, num_hidden_layers: 8, use_sliding_window: false, sliding_window: null, max_window_layers: 28 });
    expect(spec.layers.map(({ rope }) => rope !== undefined)).toEqual([true, true, true, false, true, true, true, false]);
    expect(spec.tiedEmbeddings).toBe(true);
  });

  test("EXAONE 4 with its pattern in letters, and without a window", () => {
    const sliding = read("Exaone4", { sliding_window: 4096, sliding_window_pattern: "LLLG", num_hidden_layers: 8 });
    expect(windows(sliding)).toEqual([4096, 4096, 4096, undefined, 4096, 4096, 4096, undefined]);
    expect(sliding.layers.map(({ rope }) => rope !== undefined)).toEqual([true, true, true, false, true, true, true, false]);
    expect(read("Exaone4", { sliding_window: null }).layers.every(({ rope }) => rope !== undefined)).toBe(true);
  });

  test("Command R7B: what it says of itself again is known", () => {
    const spec = read("Cohere2", {
      rms_norm_eps: undefined, layer_norm_eps: 1e-5, logit_scale: 0.25, sliding_window: 4096, sliding_window_pattern: 4, layer_switch: 4,
      order_of_interleaved_layers: "local_attn_first", position_embedding_type: "rope_gptj", rotary_pct: 1, use_embedding_sharing: true,
      use_gated_activation: true, use_parallel_block: true, use_parallel_embedding: true, rope_theta: 50_000, num_hidden_layers: 4,
    });
    expect(spec).toMatchObject({ parallelParts: true, logitsScale: 0.25, tiedEmbeddings: true, norm: { kind: "layer", bias: false, epsilon: 1e-5 } });
    expect(spec.layers.map(({ window, rope }) => [window, rope?.pairs])).toEqual([[4096, "neighbours"], [4096, "neighbours"], [4096, "neighbours"], [undefined, undefined]]);
  });

  test("GLM-4, OLMo 2, Granite, Seed-OSS, Nemotron and Ministral 3", () => {
    expect(read("Glm4", { head_dim: 16, attention_bias: true, partial_rotary_factor: 0.5 })).toMatchObject({ normPlaces: "both", queryKeyValueBias: true, attentionOutputBias: false, layers: everyLayer({ rope: { pairs: "neighbours", rotatedDim: 8 } }) });
    expect(read("Glm", { head_dim: 16, attention_bias: true })).toMatchObject({ normPlaces: "before" });
    expect(read("Olmo2", {})).toMatchObject({ normPlaces: "after", queryKeyNorm: "projection" });
    expect(read("Granite", { embedding_multiplier: 12, attention_multiplier: 0.0078125, residual_multiplier: 0.22, logits_scaling: 16 })).toMatchObject({ embeddingScale: 12, attentionScale: 0.0078125, residualScale: 0.22, logitsScale: 1 / 16 });
    expect(read("SeedOss", { attention_bias: true, attention_out_bias: false })).toMatchObject({ headDim: 128, queryKeyValueBias: true, attentionOutputBias: false });
    expect(read("Nemotron", { rms_norm_eps: undefined, norm_eps: 1e-5, hidden_act: "relu2" })).toMatchObject({ norm: { kind: "layer", gainFromOne: true, bias: true }, layers: everyLayer({ rope: { rotatedDim: 8 }, feedForward: { gated: false, activation: "reluSquared" } }) });
    const yarn = { type: "yarn", factor: 2, original_max_position_embeddings: 4096, mscale: 1, mscale_all_dim: 1, llama_4_scaling_beta: 0.1 };
    expect(read("Ministral3", { rope_parameters: yarn })).toMatchObject({ queryScaling: { beta: 0.1, originalContextLength: 4096 }, layers: everyLayer({ rope: { theta: 1_000_000, attentionFactor: 1 } }) });
  });
});

describe("the older form of a config gives the same spec as that of transformers 5:", () => {
  const longrope = { short_factor: list(8), long_factor: list(8) };
  const pairs: readonly (readonly [architecture: string, old: Values, current: Values])[] = [
    ["Mistral", { torch_dtype: "bfloat16", rope_theta: 1e6, sliding_window: 64 }, { dtype: "bfloat16", rope_parameters: { rope_type: "default", rope_theta: 1e6 }, sliding_window: 64 }],
    ["Gemma3", { rope_theta: 1e6, rope_local_base_freq: 1e4, rope_scaling: { factor: 8, rope_type: "linear" }, sliding_window_pattern: 2 }, { rope_parameters: { full_attention: { rope_type: "linear", factor: 8, rope_theta: 1e6 }, sliding_attention: { rope_type: "default", rope_theta: 1e4 } }, layer_types: types("SFSFSF") }],
    ["Gemma2", { rope_theta: 1e4 }, { rope_parameters: { rope_type: "default", rope_theta: 1e4 }, layer_types: types("SFSFSF") }],
    ["Phi3", { rope_scaling: { type: "longrope", ...longrope }, original_max_position_embeddings: 2048 }, { rope_parameters: { rope_type: "longrope", rope_theta: 1e4, ...longrope, original_max_position_embeddings: 2048 } }],
    ["Glm4", { head_dim: 16, partial_rotary_factor: 0.5 }, { head_dim: 16, rope_parameters: { rope_type: "default", rope_theta: 1e4, partial_rotary_factor: 0.5 } }],
    ["Cohere2", { rope_theta: 5e4, sliding_window_pattern: 3 }, { rope_parameters: { rope_theta: 5e4 }, layer_types: types("SSFSSF") }],
    ["SmolLM3", { rope_theta: 5e6, no_rope_layer_interval: 2 }, { rope_parameters: { rope_type: "default", rope_theta: 5e6 }, no_rope_layers: [1, 0, 1, 0, 1, 0], layer_types: types("FFFFFF") }],
    ["Granite", { rope_theta: 1e4, rope_scaling: { type: "yarn", factor: 4, original_max_position_embeddings: 2048 } }, { rope_parameters: { rope_type: "yarn", rope_theta: 1e4, factor: 4, original_max_position_embeddings: 2048 } }],
  ];
  test.each(pairs)("%s", (architecture, old, current) => {
    expect(read(architecture, old)).toEqual(read(architecture, current));
  });
});

describe("configurations that cannot be run as they say are refused, naming the key:", () => {
  const scaling = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 2048 };
  const wrong: readonly (readonly [why: string, architecture: string, values: Values, key: RegExp])[] = [
    ["other types of layers", "Mistral", { layer_types: [...types("FFFFF"), "chunked_attention"] }, /layer_types/],
    ["types for fewer layers than there are", "Gemma2", { layer_types: types("SF") }, /layer_types/],
    ["windows of a length that is none", "Ministral", { layer_types: types("SFSFSF"), sliding_window: null }, /sliding_window/],
    ["windows that are switched off", "SmolLM3", { use_sliding_window: false, sliding_window: 8, layer_types: types("FSFSFS") }, /layer_types/],
    ["windows in a family that has none", "Olmo2", { layer_types: types("FSFSFS"), sliding_window: 8 }, /layer_types|sliding_window/],
    ["attention to both sides", "Gemma3", { use_bidirectional_attention: true }, /use_bidirectional_attention/],
    ["scalings that contradict each other", "Granite", { rope_parameters: { rope_theta: 5e5 }, rope_scaling: scaling }, /rope_theta/],
    ["a scaling nobody knows", "Mistral", { rope_scaling: { rope_type: "mrope", mrope_section: [1] } }, /rope_type/],
    ["a scaling for another number of pairs", "Phi3", { rope_scaling: { type: "longrope", short_factor: list(8), long_factor: list(7) } }, /long_factor/],
    ["a part of the head in a family that turns it whole", "Mistral", { partial_rotary_factor: 0.5 }, /partial_rotary_factor/],
    ["a part that cannot be paired", "Phi3", { partial_rotary_factor: 0.2 }, /partial_rotary_factor/],
    ["rotation of layer types that the file leaves out", "Gemma3", { rope_parameters: { full_attention: { rope_theta: 1e6 } } }, /sliding_attention/],
    ["positions for another number of layers", "SmolLM3", { no_rope_layers: [1, 0] }, /no_rope_layers/],
    ["parts one after the other", "Cohere2", { use_parallel_block: false }, /use_parallel_block/],
    ["a pattern of unknown letters", "Exaone4", { sliding_window: 8, sliding_window_pattern: "LXG" }, /sliding_window_pattern/],
    ["an activation nobody knows", "Nemotron", { hidden_act: "quick_gelu" }, /hidden_act/],
    ["an attention bound in a family without", "Mistral", { attn_logit_softcapping: 30 }, /attn_logit_softcapping/],
    ["a division by zero", "Granite", { logits_scaling: 0 }, /logits_scaling/],
  ];
  test.each(wrong)("%s (%s)", (_why, architecture, values, key) => {
    const act = () => read(architecture, values);
    expect(act).toThrow(ModelConfigError);
    expect(act).toThrow(key);
  });
});

describe("the context", () => {
  test("is what YaRN and linear scaling stretch it to, also where max_position_embeddings is that of before", () => {
    const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 8192 };
    expect(read("Granite", { rope_scaling: yarn }).contextLength).toBe(32_768);
    expect(read("Granite", { max_position_embeddings: 32_768, rope_scaling: yarn }).contextLength).toBe(32_768);
    expect(read("Granite", { rope_scaling: { type: "linear", factor: 2 } }).contextLength).toBe(16_384);
  });
});
