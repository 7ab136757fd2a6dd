import { ElasticAttentionError, GgufMetadataError, MissingTensorError, ShapeError, UnsupportedWeightFormatError } from "@elastic-attention/core";
import { describe, expect, it } from "vitest";
import { openModelFiles } from "../../src/index.js";
import { floatSource, tinyGguf, type TinyGgufOptions } from "./tiny-gguf.js";

const vector = (size: number, value = 0) => floatSource([size], new Float32Array(size).fill(value));

const rows: readonly (readonly [what: string, options: TinyGgufOptions, error: typeof GgufMetadataError | typeof MissingTensorError | typeof ShapeError | typeof UnsupportedWeightFormatError, message: RegExp])[] = [
  ["no architecture", { keys: { "general.architecture": undefined } }, GgufMetadataError, /general.architecture is missing/],
  ["an architecture that is not supported", { keys: { "general.architecture": "mamba" } }, GgufMetadataError, /architecture is not supported: must be one of llama, qwen2, qwen3, .*gemma3.*, found "mamba"/],
  ["an adapter", { keys: { "general.type": "adapter" } }, GgufMetadataError, /general.type must be "model", found "adapter"/],
  ["no layers", { keys: { "llama.block_count": 0 } }, GgufMetadataError, /llama.block_count must be above 0, found 0/],
  ["billions of layers", { keys: { "llama.block_count": 4e9 } }, GgufMetadataError, /llama.block_count must not be above the number of tensors/],
  ["more layers than there are", { keys: { "llama.block_count": 3 } }, MissingTensorError, /no tensor "blk.2.attn_norm.weight"/],
  ["fewer layers than there are", { keys: { "llama.block_count": 1 } }, GgufMetadataError, /blk.1.attn_norm.weight is a tensor \(and \d+ more\) that a model of the architecture llama/],
  ["no heads", { keys: { "llama.attention.head_count": 0 } }, GgufMetadataError, /head_count must be above 0/],
  ["heads that differ by layer", { keys: { "llama.attention.head_count": [4, 2] } }, GgufMetadataError, /head_count must be one number above 0 for all layers/],
  ["heads of an odd size", { keys: { "llama.attention.key_length": undefined, "llama.attention.head_count": 3 } }, GgufMetadataError, /must give heads of an even size/],
  ["values of another size than keys", { keys: { "llama.attention.value_length": 8 } }, GgufMetadataError, /value_length must be the 16 of the keys/],
  ["query rows that are no whole heads", { tensors: { "blk.0.attn_q.weight": floatSource([40, 32], new Float32Array(40 * 32)) } }, ShapeError, /attn_q.weight has 40 rows, which are no whole heads of 16/],
  ["no epsilon", { keys: { "llama.attention.layer_norm_rms_epsilon": undefined } }, GgufMetadataError, /layer_norm_rms_epsilon is missing/],
  ["another size of the vocabulary", { keys: { "llama.vocab_size": 51 } }, GgufMetadataError, /vocab_size must be the 50 of token_embd.weight, found 51/],
  ["more tokens than rows", { keys: { "tokenizer.ggml.tokens": Array.from({ length: 51 }, (_, i) => `t${i}`) } }, GgufMetadataError, /tokens must be at most the 50/],
  ["partial rotation", { keys: { "llama.rope.dimension_count": 8 } }, GgufMetadataError, /dimension_count must be the 16 of a head/],
  ["longrope", { keys: { "llama.rope.scaling.type": "longrope", "llama.rope.scaling.factor": 4 } }, GgufMetadataError, /scaling.type must be one of none, linear, yarn, found "longrope"/],
  ["a negative factor", { keys: { "llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": -2.5 } }, GgufMetadataError, /scaling.factor must not be negative/],
  ["frequencies scaled twice", { keys: { "llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 2 }, tensors: { "rope_freqs.weight": vector(8, 1) } }, GgufMetadataError, /scaling.type must be "none" in a file with rope_freqs.weight/],
  ["divisors of another number", { tensors: { "rope_freqs.weight": vector(7, 1) } }, GgufMetadataError, /rope_freqs.weight must be 8 numbers above 0/],
  ["a divisor of 0", { tensors: { "rope_freqs.weight": vector(8) } }, GgufMetadataError, /rope_freqs.weight must be 8 numbers above 0/],
  ["YaRN of another kind", { keys: { "llama.rope.scaling.type": "yarn", "llama.rope.scaling.factor": 2, "llama.rope.scaling.yarn_log_multiplier": 0.1 } }, GgufMetadataError, /yarn_log_multiplier asks for what is not supported/],
  ["a sliding window", { keys: { "llama.attention.sliding_window": 100 } }, GgufMetadataError, /sliding_window asks for what is not supported, found 100/],
  ["experts", { architecture: "qwen3", keys: { "qwen3.expert_count": 8 } }, GgufMetadataError, /expert_count asks for what is not supported, found 8/],
  ["experts that are not there", { keys: { "llama.expert_count": 8 } }, MissingTensorError, /no tensor "blk.0.ffn_gate_inp.weight"/],
  ["soft caps", { keys: { "llama.final_logit_softcapping": 30 } }, GgufMetadataError, /softcapping asks for what is not supported/],
  ["another scale of logits", { keys: { "llama.logit_scale": 0.5 } }, GgufMetadataError, /logit_scale asks for/],
  ["attention that sees the future", { keys: { "llama.attention.causal": false } }, GgufMetadataError, /causal asks for what is not supported, found false/],
  ["another layout of the tensors", { keys: { "llama.tensor_data_layout": "transposed" } }, GgufMetadataError, /tensor_data_layout asks for/],
  ["norms of query and key heads in llama", { tensors: { "blk.0.attn_q_norm.weight": vector(16, 1) } }, GgufMetadataError, /blk.0.attn_q_norm.weight is a tensor that a model of the architecture llama/],
  ["biases of query, key and value alone", { tensors: { "blk.0.attn_q.bias": vector(64) } }, MissingTensorError, /no tensor "blk.0.attn_k.bias"/],
  ["biases in the second layer alone", { tensors: { "blk.1.ffn_up.bias": vector(64) } }, GgufMetadataError, /blk.1.ffn_up.bias is a tensor/],
  ["qwen2 without biases", { architecture: "qwen2", without: ["blk.1.attn_k.bias"] }, MissingTensorError, /blk.1.attn_k.bias/],
  ["no embedding table", { without: ["token_embd.weight"] }, MissingTensorError, /token_embd.weight/],
  ["a type that is not supported", { tensors: { "blk.0.ffn_up.weight": { type: "IQ2_XXS", shape: [64, 256], bytes: new Uint8Array(64 * 66) } } }, UnsupportedWeightFormatError, /blk.0.ffn_up.weight is of type IQ2_XXS/],
  ["integers as weights", { tensors: { "blk.0.ffn_up.weight": { type: "I8", shape: [64, 32], bytes: new Uint8Array(64 * 32) } } }, UnsupportedWeightFormatError, /of type I8/],
  ["blocks of 2023's first kind", { keys: { "general.quantization_version": 1 }, tensors: { "blk.0.ffn_up.weight": { type: "Q8_0", shape: [64, 32], bytes: new Uint8Array(64 * 34) } } }, GgufMetadataError, /quantization_version must be 2, found 1/],
  ["an end token that is no number", { keys: { "tokenizer.ggml.eos_token_id": "x" } }, GgufMetadataError, /eos_token_id must be a whole number/],
];

describe("a GGUF model that cannot be run as its file says", () => {
  it.each(rows)("is refused by name: %s", (_what, options, error, message) => {
    using model = tinyGguf(options);
    expect(() => openModelFiles(model.file)).toThrow(message);
    expect(() => openModelFiles(model.file)).toThrow(error);
    try {
      openModelFiles(model.file);
    } catch (thrown) {
      expect(ElasticAttentionError.isInstance(thrown) && thrown.message.includes(model.file)).toBe(true);
    }
  });

  it("but settings that change nothing are taken", () => {
    const keys = {
      "llama.expert_count": 0, "llama.expert_used_count": 0, "llama.attention.causal": true, "llama.logit_scale": 1, "llama.attention.sliding_window": 200, "llama.tensor_data_layout": "Meta AI original pth",
      "llama.use_parallel_residual": false, "llama.rope.scaling.type": "none", "llama.rope.scaling.finetuned": false, "general.quantization_version": 2, "general.file_type": 1, "tokenizer.ggml.padding_token_id": 0,
    };
    using model = tinyGguf({ keys });
    using files = openModelFiles(model.file);
    expect(files.unknownKeys).toEqual([]);
  });

  it("and keys that nobody knows are listed", () => {
    using model = tinyGguf({ keys: { "llama.attention.new_kind": 3, "somebody.else": "x", "qwen3.block_count": 9 } });
    using files = openModelFiles(model.file);
    expect(files.unknownKeys).toEqual(["llama.attention.new_kind", "somebody.else", "qwen3.block_count"]);
  });
});
