import { ModelConfigError } from "@elastic-attention/core";
import { ModelConfig } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { llamaAdapter } from "../src/index.js";

const base = {
  architectures: ["LlamaForCausalLM"],
  hidden_size: 4096,
  intermediate_size: 14336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 128256,
  max_position_embeddings: 131072,
  rms_norm_eps: 1e-5,
  rope_theta: 500000,
  torch_dtype: "bfloat16",
};
const spec = (values: Record<string, unknown> = {}) => llamaAdapter.spec(new ModelConfig({ ...base, ...values }));

describe("the Llama adapter", () => {
  test("reads Llama 3.1 8B", () => {
    const rope_scaling = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };
    expect(spec({ rope_scaling })).toMatchObject({
      numLayers: 32,
      headDim: 128,
      numKeyValueHeads: 8,
      contextLength: 131072,
      tiedEmbeddings: false,
      queryKeyValueBias: false,
      queryKeyNorm: "none",
      checkpointDType: "bf16",
      layers: expect.arrayContaining([expect.objectContaining({ rope: expect.objectContaining({ type: "llama3", theta: 500000, factor: 8 }) })]),
      elastic: undefined,
    });
  });

  test("reads Llama 2 without grouped heads, and tied embeddings of Llama 3.2", () => {
    expect(spec({ num_key_value_heads: undefined, rope_theta: undefined })).toMatchObject({ numKeyValueHeads: 32, layers: expect.arrayContaining([expect.objectContaining({ rope: expect.objectContaining({ theta: 10000 }) })]) });
    expect(spec({ tie_word_embeddings: true, head_dim: 64 })).toMatchObject({ tiedEmbeddings: true, headDim: 64 });
  });

  test("reads the published elastic layout with its keys and its defaults", () => {
    const elastic = (values: Record<string, unknown>) => spec({ architectures: ["PawLlamaForCausalLM"], ...values }).elastic;
    expect(elastic({ toggle_type: "streaming", retrieval_mode: "full", sink_size: 128, local_window_size: 2048 })).toEqual({
      retrievalMode: { kind: "full" },
      sparseMode: { kind: "streaming", sinkTokens: 128, localTokens: 2048, blockSize: 128 },
    });
    // Published checkpoints are evaluated with a threshold of 0.8, which their configs do not carry.
    const xattention = { kind: "xattention", stride: 16, threshold: 0.8, blockSize: 128 };
    expect(elastic({ toggle_type: "xattn", retrieval_mode: "full" })?.sparseMode).toEqual(xattention);
    expect(elastic({ toggle_type: "xattn", xattn_threshold: 0.95 })?.sparseMode).toEqual({ ...xattention, threshold: 0.95 });
    expect(elastic({ toggle_type: "streaming", retrieval_mode: "xattn" })?.retrievalMode.kind).toBe("xattention");
    expect(() => elastic({ toggle_type: "other" })).toThrow(ModelConfigError);
  });

  test("names tensors as the checkpoints do", () => {
    expect(llamaAdapter.weightName("query", 3)).toBe("model.layers.3.self_attn.q_proj.weight");
    expect(llamaAdapter.weightName("router", 3)).toBe("model.layers.3.self_attn.mask_allocator.");
    expect(llamaAdapter.weightName("output", 0)).toBe("lm_head.weight");
  });

  test("matches its own architectures only", () => {
    const matches = (name: string) => llamaAdapter.matches(new ModelConfig({ architectures: [name] }));
    expect(["LlamaForCausalLM", "PawLlamaForCausalLM", "Qwen3ForCausalLM", "LlamaForSequenceClassification"].map(matches)).toEqual([true, true, false, false]);
  });
});
