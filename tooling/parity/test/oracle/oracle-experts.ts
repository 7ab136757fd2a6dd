import type { OracleExperts, OracleTensor, OracleTensors } from "./oracle-model.js";
import { product } from "./oracle-product.js";

/** The chosen experts' outputs for a row, by the weights of their router. */
export function expertsOf({ count, chosen, normalized, layout }: OracleExperts, tensors: OracleTensors, prefix: string, row: Float64Array): Float64Array {
  const router = { mixtral: "block_sparse_moe.gate", qwen: "mlp.gate", "gpt-oss": "mlp.router" }[layout];
  const scores = product(tensors.get(`${prefix}${router}.weight`)!, tensors.get(`${prefix}${router}.bias`), row);
  const best = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]!).slice(0, chosen);
  const most = Math.max(...scores);
  const exponents = Array.from(scores, (score) => Math.exp(score - most));
  const total = (normalized ? best : [...scores.keys()]).reduce((sum, expert) => sum + exponents[expert]!, 0);
  const output = new Float64Array(row.length);
  if (count !== scores.length) throw new Error(`${scores.length} scores for ${count} experts`);
  for (const expert of best) {
    const given = layout === "gpt-oss" ? clampedExpert(tensors, prefix, expert, row) : plainExpert(layout, tensors, prefix, expert, row);
    for (const [i, value] of given.entries()) output[i]! += (exponents[expert]! / total) * value;
  }
  return output;
}

function plainExpert(layout: "mixtral" | "qwen", tensors: OracleTensors, prefix: string, expert: number, row: Float64Array): Float64Array {
  const [gateName, upName, downName] = layout === "mixtral" ? ["w1", "w3", "w2"] : ["gate_proj", "up_proj", "down_proj"];
  const of = (name: string) => tensors.get(`${prefix}${layout === "mixtral" ? "block_sparse_moe" : "mlp"}.experts.${expert}.${name}.weight`)!;
  const [gate, up] = [product(of(gateName!), undefined, row), product(of(upName!), undefined, row)];
  return product(of(downName!), undefined, gate.map((value, i) => (value / (1 + Math.exp(-value))) * up[i]!));
}

/** gpt-oss: weights [experts, in, out], gate and up in turn, limit 7 and alpha 1.702. */
function clampedExpert(tensors: OracleTensors, prefix: string, expert: number, row: Float64Array): Float64Array {
  const of = (name: string) => tensors.get(`${prefix}mlp.experts.${name}`)!;
  const both = transposedProduct(of("gate_up_proj"), of("gate_up_proj_bias"), expert, row);
  const inner = Float64Array.from({ length: both.length / 2 }, (_, i) => {
    const [gate, up] = [Math.min(both[2 * i]!, 7), Math.min(Math.max(both[2 * i + 1]!, -7), 7)];
    return ((up + 1) * gate) / (1 + Math.exp(-1.702 * gate));
  });
  return transposedProduct(of("down_proj"), of("down_proj_bias"), expert, inner);
}

function transposedProduct({ shape, values }: OracleTensor, bias: OracleTensor, expert: number, row: Float64Array): Float64Array {
  const [, inputs, outputs] = shape as [number, number, number];
  return Float64Array.from({ length: outputs }, (_, output) => {
    let sum = bias.values[expert * outputs + output]!;
    for (let input = 0; input < inputs; input++) sum += row[input]! * values[(expert * inputs + input) * outputs + output]!;
    return sum;
  });
}
