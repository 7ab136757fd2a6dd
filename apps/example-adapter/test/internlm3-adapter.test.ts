import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ModelConfigError } from "@elastic-attention/core";
import { llamaAdapter } from "@elastic-attention/model-llama";
import { ReferenceBackend, type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import { forward, ModelConfig, PretrainedModel } from "@elastic-attention/transformer";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { internLm3Adapter, registerInternLm3 } from "../src/index.js";

const config = {
  architectures: ["InternLM3ForCausalLM"],
  hidden_size: 16,
  intermediate_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 4,
  vocab_size: 32,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 1e6,
  qkv_bias: false,
  bias: false,
  torch_dtype: "float32",
};

const layerShapes = {
  input_layernorm: [16],
  "self_attn.q_proj": [16, 16],
  "self_attn.k_proj": [8, 16],
  "self_attn.v_proj": [8, 16],
  "self_attn.o_proj": [16, 16],
  post_attention_layernorm: [16],
  "mlp.gate_proj": [24, 16],
  "mlp.up_proj": [24, 16],
  "mlp.down_proj": [16, 24],
};

/** A checkpoint folder of noise that is the same in every run, removed after the test. */
function checkpointFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "internlm3-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const shapes: [name: string, shape: number[]][] = [
    ["model.embed_tokens.weight", [32, 16]],
    ["model.norm.weight", [16]],
    ["lm_head.weight", [32, 16]],
  ];
  for (const layer of [0, 1]) {
    for (const [name, shape] of Object.entries(layerShapes)) shapes.push([`model.layers.${layer}.${name}.weight`, shape]);
  }
  const sources = shapes.map(([name, shape], seed): [string, TensorSource] => {
    const length = shape.reduce((product, size) => product * size, 1);
    const values = Float32Array.from({ length }, (_, i) => (Math.sin(i * 12.9898 + seed * 78.233) * 43758.5453) % 1);
    return [name, { type: "F32", shape, bytes: () => new Uint8Array(values.buffer) }];
  });
  writeSafetensors(join(folder, "model.safetensors"), new Map(sources));
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  return folder;
}

describe("the InternLM3 adapter", () => {
  beforeAll(registerInternLm3);

  it("is found by its architecture and computes what Llama computes with the same weights", async () => {
    const path = checkpointFolder();
    const tokens = [1, 17, 5, 9, 30, 2];
    using backend = new ReferenceBackend();
    using found = await PretrainedModel.open({ path, backend });
    using asLlama = await PretrainedModel.open({ path, backend, adapter: llamaAdapter });
    const actual = await forward(found.decoder, tokens, tokens.length);
    const expected = await forward(asLlama.decoder, tokens, tokens.length);
    expect(found.spec.architecture).toBe("InternLM3ForCausalLM");
    expect(actual.logits).toEqual(expected.logits);
    expect(new Set(actual.logits).size).toBeGreaterThan(32);
  });

  it("takes the biases that the config names, and refuses what is no truth value", () => {
    const spec = internLm3Adapter.spec(new ModelConfig({ ...config, qkv_bias: true }));
    expect([spec.queryKeyValueBias, spec.attentionOutputBias]).toEqual([true, false]);
    const wrong = new ModelConfig({ ...config, qkv_bias: "yes" });
    expect(() => internLm3Adapter.spec(wrong)).toThrow(ModelConfigError);
    expect(() => internLm3Adapter.spec(wrong)).toThrow(/qkv_bias/);
  });
});
