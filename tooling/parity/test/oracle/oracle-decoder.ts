import { expertsOf } from "./oracle-experts.js";
import type { OracleAngles, OracleModel, OracleTensor, OracleTensors } from "./oracle-model.js";
import { product } from "./oracle-product.js";

/** Logits [tokens][vocabulary] of a sequence in float64, every head full, one row after the other from plain arrays. */
export function oracleLogits(model: OracleModel, tensors: OracleTensors, ids: ArrayLike<number>): Float64Array[] {
  const tensor = (name: string) => {
    const found = tensors.get(name);
    if (found === undefined) throw new Error(`no tensor ${name}`);
    return found;
  };
  const table = tensor("model.embed_tokens.weight");
  let rows: Float64Array[] = Array.from(ids, (id) => table.values.slice(id * model.hidden, (id + 1) * model.hidden).map((value) => value * model.embeddingScale));
  for (let layer = 0; layer < model.layers; layer++) rows = oracleLayer(model, tensors, layer, rows);
  const head = tensors.get("lm_head.weight") ?? table;
  return rows.map((row) => {
    const logits = product(head, undefined, normalized(model, tensors, "model.norm", row)).map((logit) => logit * model.logitsScale);
    return logits.map((logit) => capped(logit, model.logitsCap));
  });
}

function oracleLayer(model: OracleModel, tensors: OracleTensors, layer: number, rows: Float64Array[]): Float64Array[] {
  const prefix = `model.layers.${layer}.`;
  const norm = (name: string | undefined, row: Float64Array) => (name === undefined ? row : normalized(model, tensors, prefix + name, row));
  const { beforeAttention, afterAttention, beforeMlp, afterMlp } = model.norms;
  const inputs = rows.map((row) => norm(beforeAttention, row));
  const attended = attention(model, tensors, layer, inputs).map((row) => norm(afterAttention, row));
  const sum = (a: Float64Array, b: Float64Array) => a.map((value, i) => value + model.residualScale * b[i]!);
  return rows.map((row, index) => {
    const middle = sum(row, attended[index]!);
    if (model.parallel) return sum(middle, mlp(model, tensors, prefix, inputs[index]!));
    return sum(middle, norm(afterMlp, mlp(model, tensors, prefix, norm(beforeMlp, middle))));
  });
}

function attention(model: OracleModel, tensors: OracleTensors, layer: number, inputs: Float64Array[]): Float64Array[] {
  const { heads, keyValueHeads, headDim, scale } = model;
  const prefix = `model.layers.${layer}.self_attn.`;
  const project = (name: string, row: Float64Array) => product(tensors.get(`${prefix}${name}.weight`)!, tensors.get(`${prefix}${name}.bias`), row);
  const angles = model.angles(layer, inputs.length);
  const projected = inputs.map((row, position) => {
    const fused = model.fusedQueryKeyValue ? project("qkv_proj", row) : undefined;
    const [queries, keys] = [heads * headDim, keyValueHeads * headDim];
    const q = fused?.slice(0, queries) ?? project("q_proj", row);
    const k = fused?.slice(queries, queries + keys) ?? project("k_proj", row);
    const v = fused?.slice(queries + keys) ?? project("v_proj", row);
    for (const [name, vector] of [["q_norm", q], ["k_norm", k]] as const) {
      if (model.queryKeyNorm === "none") continue;
      const length = model.queryKeyNorm === "head" ? headDim : vector.length;
      for (let at = 0; at < vector.length; at += length) vector.set(rmsNormed(model, tensors.get(`${prefix}${name}.weight`)!, vector.slice(at, at + length)), at);
    }
    if (angles !== undefined) for (const vector of [q, k]) rotate(model, angles, vector, position);
    return { q: q.map((value) => value * model.queryFactor(position)), k, v };
  });
  const window = model.window(layer);
  const sinks = model.sinks ? tensors.get(`${prefix}sinks`)!.values : undefined;
  return projected.map(({ q }, position) => {
    const output = new Float64Array(heads * headDim);
    for (let head = 0; head < heads; head++) {
      const [at, from] = [head * headDim, Math.floor((head * keyValueHeads) / heads) * headDim];
      const first = Math.max(0, position - window + 1);
      const scores: number[] = [];
      for (let key = first; key <= position; key++) {
        let dot = 0;
        for (let i = 0; i < headDim; i++) dot += q[at + i]! * projected[key]!.k[from + i]!;
        scores.push(capped(dot * scale, model.attentionCap));
      }
      const most = Math.max(...scores, sinks?.[head] ?? -Infinity);
      const weights = scores.map((score) => Math.exp(score - most));
      const total = weights.reduce((sum, weight) => sum + weight, sinks === undefined ? 0 : Math.exp(sinks[head]! - most));
      for (const [index, weight] of weights.entries()) {
        for (let i = 0; i < headDim; i++) output[at + i]! += (weight / total) * projected[first + index]!.v[from + i]!;
      }
    }
    return project("o_proj", output);
  });
}

function mlp(model: OracleModel, tensors: OracleTensors, prefix: string, row: Float64Array): Float64Array {
  if (model.experts !== undefined) return expertsOf(model.experts, tensors, prefix, row);
  const project = (name: string, input: Float64Array) => product(tensors.get(`${prefix}mlp.${name}.weight`)!, tensors.get(`${prefix}mlp.${name}.bias`), input);
  if (!model.gated) return project("down_proj", project("up_proj", row).map(model.activation));
  const fused = model.fusedGateUp ? project("gate_up_proj", row) : undefined;
  const gate = fused?.slice(0, fused.length / 2) ?? project("gate_proj", row);
  const up = fused?.slice(fused.length / 2) ?? project("up_proj", row);
  return project("down_proj", gate.map((value, i) => model.activation(value) * up[i]!));
}

function rotate({ headDim, rotated, neighbours }: OracleModel, { frequencies, factor }: OracleAngles, vector: Float64Array, position: number): void {
  for (let at = 0; at < vector.length; at += headDim) {
    for (const [pair, frequency] of frequencies.entries()) {
      const [a, b] = neighbours ? [at + 2 * pair, at + 2 * pair + 1] : [at + pair, at + pair + rotated / 2];
      const [x, y] = [vector[a]!, vector[b]!];
      // Published models compute angles in float32: at position 700 that is up to 4e-5 radians.
      const angle = Math.fround(position * Math.fround(frequency));
      const [cosine, sine] = [factor * Math.cos(angle), factor * Math.sin(angle)];
      vector[a] = x * cosine - y * sine;
      vector[b] = y * cosine + x * sine;
    }
  }
}

function normalized(model: OracleModel, tensors: OracleTensors, name: string, row: Float64Array): Float64Array {
  const weight = tensors.get(`${name}.weight`)!;
  if (model.norm === "rms") return rmsNormed(model, weight, row);
  const bias = tensors.get(`${name}.bias`);
  const mean = row.reduce((sum, value) => sum + value, 0) / row.length;
  const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
  return row.map((value, i) => ((value - mean) / Math.sqrt(variance + model.epsilon)) * (model.gainOffset + weight.values[i]!) + (bias?.values[i] ?? 0));
}

function rmsNormed({ epsilon, gainOffset }: OracleModel, { values }: OracleTensor, row: Float64Array): Float64Array {
  const squares = row.reduce((sum, value) => sum + value * value, 0) / row.length;
  return row.map((value, i) => (value / Math.sqrt(squares + epsilon)) * (gainOffset + values[i]!));
}

function capped(value: number, cap: number | undefined): number {
  return cap === undefined ? value : cap * Math.tanh(value / cap);
}
