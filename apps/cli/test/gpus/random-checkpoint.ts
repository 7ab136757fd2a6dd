import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "@elastic-attention/fixtures";
import { type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import { expectedTensors, interpretConfig, ModelConfig } from "@elastic-attention/transformer";

const base = {
  vocab_size: 101,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 8,
  num_key_value_heads: 4,
  head_dim: 16,
  max_position_embeddings: 256,
  rms_norm_eps: 1e-5,
  hidden_act: "silu",
  torch_dtype: "float32",
  toggle_type: "streaming",
  retrieval_mode: "full",
  sink_size: 4,
  local_window_size: 8,
  block_size: 4,
};

/** A folder with a model of a registered family and random weights, removed on dispose: every tensor that its config asks for. */
export function randomCheckpoint(architecture: string, values: Readonly<Record<string, unknown>> = {}): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), "gpus-test-"));
  const config = { ...base, architectures: [architecture], ...values };
  const { adapter, spec } = interpretConfig(new ModelConfig(config));
  const draw = seededRandom(11);
  const tensors = new Map<string, TensorSource>();
  const add = (name: string, shape: readonly number[], middle: number) => {
    const numbers = Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => middle + 0.6 * draw() - 0.3);
    tensors.set(name, { type: "F32", shape, bytes: () => new Uint8Array(numbers.buffer) });
  };
  for (const { role, layer, expert, shape, bias } of expectedTensors(adapter, spec)) {
    const name = adapter.weightName(role, layer, expert);
    const isGain = /[nN]orm$/.test(role);
    add(name, shape, isGain && !spec.norm.gainFromOne ? 1 : 0);
    if (bias) add(name.replace(/\.weight$/, ".bias"), [shape[0]!], 0);
  }
  if (adapter.expertLayout === "joined") {
    for (const [layer, { feedForward }] of spec.layers.entries()) {
      if (feedForward.kind !== "experts") continue;
      const { numExperts, intermediateSize } = feedForward;
      const [gateUp, down] = [adapter.weightName("expertGateUp", layer), adapter.weightName("expertDown", layer)];
      add(gateUp, [numExperts, spec.hiddenSize, 2 * intermediateSize], 0);
      add(`${gateUp}_bias`, [numExperts, 2 * intermediateSize], 0);
      add(down, [numExperts, intermediateSize, spec.hiddenSize], 0);
      add(`${down}_bias`, [numExperts, spec.hiddenSize], 0);
    }
  }
  writeFileSync(join(path, "config.json"), JSON.stringify(config));
  writeSafetensors(join(path, "model.safetensors"), tensors);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
