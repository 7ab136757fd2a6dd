import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import { oracleModel } from "./oracle-families.js";
import type { OracleConfig, OracleModel, OracleTensor } from "./oracle-model.js";

/** A checkpoint of random weights, and the same numbers for the oracle; the folder is removed on dispose. */
export interface TinyModelFolder extends Disposable {
  readonly path: string;
  readonly model: OracleModel;
  readonly tensors: ReadonlyMap<string, OracleTensor>;
}

/** Writes a checkpoint as the family of a config keeps it. */
export function tinyModelFolder(config: OracleConfig): TinyModelFolder {
  const model = oracleModel(config);
  const path = mkdtempSync(join(tmpdir(), "tiny-family-"));
  writeFileSync(join(path, "config.json"), JSON.stringify(config));
  const tensors = new Map<string, OracleTensor>();
  const sources = new Map<string, TensorSource>();
  let state = 11;
  const random = () => ((state = (state * 48271) % 2147483647) / 2147483647) * 2 - 1;
  for (const [name, shape, center, spread] of tinyTensors(model, config)) {
    const values = Float32Array.from({ length: shape.reduce((product, size) => product * size, 1) }, () => center + spread * random());
    tensors.set(name, { shape, values: Float64Array.from(values) });
    sources.set(name, { type: "F32", shape, bytes: () => new Uint8Array(values.buffer) });
  }
  writeSafetensors(join(path, "model.safetensors"), sources);
  return { path, model, tensors, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

type RandomTensor = readonly [name: string, shape: readonly number[], center: number, spread: number];

function* tinyTensors(model: OracleModel, config: OracleConfig): Generator<RandomTensor> {
  const { hidden } = model;
  const [vocabulary, inner] = [config["vocab_size"], config["intermediate_size"]] as [number, number];
  const [queries, keys] = [model.heads * model.headDim, model.keyValueHeads * model.headDim];
  const matrix = (name: string, outputs: number, inputs: number): RandomTensor => [`${name}.weight`, [outputs, inputs], 0, 2 / Math.sqrt(inputs)];
  const bias = (name: string, length: number): RandomTensor => [`${name}.bias`, [length], 0, 0.5];
  const norm = function* (name: string, length: number): Generator<RandomTensor> {
    yield [`${name}.weight`, [length], 1 - model.gainOffset, 0.4];
    if (config["model_type"] === "nemotron") yield bias(name, length);
  };
  const isQwen2 = config["model_type"] === "qwen2";
  const attentionBias = config["attention_bias"] === true || isQwen2;
  const outputBias = config["attention_bias"] === true && ["llama"].includes(config["model_type"] as string);
  yield ["model.embed_tokens.weight", [vocabulary, hidden], 0, 1];
  if (config["tie_word_embeddings"] !== true) yield matrix("lm_head", vocabulary, hidden);
  yield* norm("model.norm", hidden);
  for (let layer = 0; layer < model.layers; layer++) {
    const prefix = `model.layers.${layer}.`;
    const { beforeAttention, afterAttention, beforeMlp, afterMlp } = model.norms;
    const norms = model.parallel ? [beforeAttention] : [beforeAttention, afterAttention, beforeMlp, afterMlp];
    for (const name of norms) if (name !== undefined) yield* norm(prefix + name, hidden);
    if (model.queryKeyNorm !== "none") {
      const [q, k] = model.queryKeyNorm === "head" ? [model.headDim, model.headDim] : [queries, keys];
      yield [`${prefix}self_attn.q_norm.weight`, [q], 1 - model.gainOffset, 0.4];
      yield [`${prefix}self_attn.k_norm.weight`, [k], 1 - model.gainOffset, 0.4];
    }
    const projections = model.fusedQueryKeyValue ? [["qkv_proj", queries + 2 * keys] as const] : [["q_proj", queries] as const, ["k_proj", keys] as const, ["v_proj", keys] as const];
    for (const [name, outputs] of projections) {
      yield matrix(`${prefix}self_attn.${name}`, outputs, hidden);
      if (attentionBias) yield bias(`${prefix}self_attn.${name}`, outputs);
    }
    yield matrix(`${prefix}self_attn.o_proj`, hidden, queries);
    if (outputBias) yield bias(`${prefix}self_attn.o_proj`, hidden);
    const inputs = !model.gated ? [["up_proj", inner] as const] : model.fusedGateUp ? [["gate_up_proj", 2 * inner] as const] : [["gate_proj", inner] as const, ["up_proj", inner] as const];
    for (const [name, outputs, from] of [...inputs.map(([each, size]) => [each, size, hidden] as const), ["down_proj", hidden, inner] as const]) {
      yield matrix(`${prefix}mlp.${name}`, outputs, from);
      if (config["mlp_bias"] === true) yield bias(`${prefix}mlp.${name}`, outputs);
    }
  }
}
