import { ModelConfigError, UnsupportedWeightFormatError } from "@elastic-attention/core";
import { describe, expect, test } from "vitest";
import { interpretConfig, ModelConfig } from "../src/index.js";
import { tinyAdapter, tinyConfig } from "./tiny-checkpoint.js";

const interpret = (keys: Readonly<Record<string, unknown>> = {}) => interpretConfig(new ModelConfig({ ...tinyConfig, ...keys }), tinyAdapter);

describe("a config records which of its keys were asked for", () => {
  test("also inside sections, whichever of its methods asks", () => {
    const config = new ModelConfig({ a: 1, b: null, c: true, d: [1], e: "x", section: { used: 1, unused: 2, inner: { deep: 3 } }, other: {} });
    config.count("a");
    config.boolean("c");
    config.numbers("d");
    config.has("other");
    config.section("section")!.count("used");
    expect(config.section("section")).toBe(config.section("section"));
    config.section("section")!.section("inner");
    expect([...config.unread()]).toEqual([["e", "x"], ["section.unused", 2], ["section.inner.deep", 3]]);
    config.disregard("e");
    expect([...config.unread().keys()]).toEqual(["section.unused", "section.inner.deep"]);
  });
});

describe("a key that the adapter does not read", () => {
  test.each<[string, unknown]>([
    ["transformers_version", "5.24.0"],
    ["use_cache", true],
    ["attention_dropout", 0.1],
    ["pretraining_tp", 2],
    ["quantization_config", null],
    ["sliding_window", null],
    ["sliding_window", 200],
    ["use_sliding_window", false],
    ["layer_types", ["full_attention", "full_attention"]],
    ["rope_interleaved", false],
    ["partial_rotary_factor", 1],
    ["logit_scale", 1],
    ["attn_logit_softcapping", null],
    ["num_experts", 0],
    ["transformers.js_config", { dtype: "q4" }],
  ])("is inert where it says what holds without it: %s %j", (key, value) => {
    expect(interpret({ [key]: value }).unknownKeys).toEqual([]);
  });

  test.each<[string, unknown]>([
    ["attn_logit_softcapping", 50],
    ["final_logit_softcapping", 30],
    ["logit_scale", 0.25],
    ["embedding_multiplier", 12],
    ["attention_multiplier", 0.015],
    ["query_pre_attn_scalar", 256],
    ["num_experts", 8],
    ["n_routed_experts", 64],
    ["clip_qkv", 8],
    ["alibi", true],
    ["qkv_bias", true],
    ["use_qk_norm", true],
    ["attention_chunk_size", 8192],
    ["kv_lora_rank", 512],
    ["rope_interleaved", true],
    ["no_rope_layers", [1, 0]],
    ["swiglu_limit", 7],
    ["enable_ada_sparsity", false],
    ["use_softmax", false],
  ])("is refused by name where it changes what is computed: %s %j", (key, value) => {
    expect(() => interpret({ [key]: value })).toThrow(ModelConfigError);
    expect(() => interpret({ [key]: value })).toThrow(`config.json: ${key} is ${JSON.stringify(value)}, which changes what the model computes`);
  });

  test("is listed where nobody knows it, with the section it is in", () => {
    const rope = { rope_type: "default", rope_theta: 1e4, novel_angle: 2, type: "default" };
    expect(interpret({ novel_gate: 7, rope_parameters: rope }).unknownKeys).toEqual(["novel_gate", "rope_parameters.novel_angle"]);
  });

  test("is refused within a section too, by its own name", () => {
    const rope = { rope_type: "default", rope_theta: 1e4, mrope_section: [8, 12, 12] };
    expect(() => interpret({ rope_parameters: rope })).toThrow(/rope_parameters\.mrope_section is \[8,12,12\]/);
  });
});

describe("a quantised checkpoint is named", () => {
  test.each<[Readonly<Record<string, unknown>>, string]>([
    [{ quantization_config: { quant_method: "gptq", bits: 3, group_size: 128, desc_act: true } }, "GPTQ (3 bits, groups of 128, act-order)"],
    [{ quantization_config: { quant_method: "awq", bits: 8, group_size: 64, version: "gemm" } }, "AWQ (8 bits, groups of 64)"],
    [{ quantization_config: { quant_method: "bitsandbytes", load_in_4bit: true } }, "bitsandbytes (4 bits)"],
    [{ quantization_config: { quant_method: "compressed-tensors", format: "pack-quantized" } }, "compressed-tensors (pack-quantized)"],
    [{ quantization_config: { quant_method: "fp8", fmt: "e5m2" } }, 'FP8 in the format "e5m2"'],
    [{ quantization_config: { quant_method: "awq", bits: 4, group_size: 64, version: "gemv" } }, 'AWQ in the layout "gemv"'],
    [{ quantization_config: { quant_method: "new-one" } }, "new-one"],
    [{ quantization_config: { bits: 3, group_size: -1 } }, "quantised in a way that it does not name (3 bits, one group a row)"],
    [{ quantization: { group_size: 64, bits: 4 } }, "MLX (4 bits, groups of 64)"],
  ])("%j", (keys, name) => {
    expect(() => interpret(keys)).toThrow(UnsupportedWeightFormatError);
    expect(() => interpret(keys)).toThrow(`config.json: the checkpoint is of type ${name}, which is not supported.`);
  });

  test("unless its adapter has read how it is quantised", () => {
    const adapter = { ...tinyAdapter, spec: (config: ModelConfig) => (config.section("quantization_config")?.string("quant_method"), tinyAdapter.spec(config)) };
    expect(interpretConfig(new ModelConfig({ ...tinyConfig, quantization_config: { quant_method: "mxfp4" } }), adapter).unknownKeys).toEqual([]);
  });
});
