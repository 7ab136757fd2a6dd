import { ModelConfig } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { qwen2Adapter, qwen3Adapter } from "../src/index.js";

const base = {
  hidden_size: 2560,
  intermediate_size: 9728,
  num_hidden_layers: 36,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 151936,
  max_position_embeddings: 40960,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000,
  torch_dtype: "bfloat16",
  tie_word_embeddings: true,
};
const qwen2 = (values: Record<string, unknown> = {}) => qwen2Adapter.spec(new ModelConfig({ architectures: ["Qwen2ForCausalLM"], ...base, ...values }));
const qwen3 = (values: Record<string, unknown> = {}) =>
  qwen3Adapter.spec(new ModelConfig({ architectures: ["Qwen3ForCausalLM"], ...base, head_dim: 128, ...values }));

describe("the Qwen adapters", () => {
  test("Qwen2.5 has biases and no norms of queries and keys", () => {
    expect(qwen2()).toMatchObject({ queryKeyValueBias: true, attentionOutputBias: false, queryKeyNorm: "none", headDim: 80, tiedEmbeddings: true });
  });

  test("Qwen3 has norms and a head dimension of its own", () => {
    expect(qwen3()).toMatchObject({ queryKeyValueBias: false, queryKeyNorm: "head", headDim: 128, hiddenSize: 2560, numLayers: 36 });
  });

  test("YaRN is honoured", () => {
    const rope_scaling = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32768 };
    expect(qwen3({ rope_scaling }).layers[0]!.rope).toMatchObject({ type: "yarn", factor: 4, originalContextLength: 32768 });
  });

  test("the published elastic layout is Qwen3 with routers", () => {
    const paw = qwen3Adapter.spec(new ModelConfig({ ...base, architectures: ["PawQwen3ForCausalLM"], head_dim: 128, toggle_type: "xattn", retrieval_mode: "full" }));
    expect(paw.elastic).toMatchObject({ retrievalMode: { kind: "full" }, sparseMode: { kind: "xattention", stride: 16, blockSize: 128 } });
    expect(qwen3().elastic).toBeUndefined();
    expect(qwen3Adapter.matches(new ModelConfig({ architectures: ["PawQwen3ForCausalLM"] }))).toBe(true);
    expect(qwen3Adapter.matches(new ModelConfig({ architectures: ["Qwen2ForCausalLM"] }))).toBe(false);
  });
});
