import type { WeightRole } from "../model/model-adapter.js";

const [hidden, queries, keys, inner] = ["hidden_size", "num_attention_heads and head_dim", "num_key_value_heads and head_dim", "intermediate_size"];

/** The keys of config.json that each size of a weight comes from. */
const shapeKeys: Partial<Record<WeightRole, readonly string[]>> = {
  embedding: ["vocab_size", hidden],
  output: ["vocab_size", hidden],
  query: [queries, hidden],
  key: [keys, hidden],
  value: [keys, hidden],
  queryKeyValue: ["num_attention_heads, num_key_value_heads and head_dim", hidden],
  attentionOutput: [hidden, queries],
  queryNorm: ["head_dim"],
  keyNorm: ["head_dim"],
  sinks: ["num_attention_heads"],
  gate: [inner, hidden],
  up: [inner, hidden],
  gateUp: [inner, hidden],
  down: [hidden, inner],
  finalNorm: [hidden],
  attentionNorm: [hidden],
  attentionOutputNorm: [hidden],
  mlpNorm: [hidden],
  mlpOutputNorm: [hidden],
};

/** Which keys ask for the sizes that a tensor does not have: "hidden_size"; undefined where no key says it alone. */
export function contradictedKeys(role: WeightRole, found: readonly number[], expected: readonly number[]): string | undefined {
  const names = shapeKeys[role];
  if (names === undefined || found.length !== expected.length) return undefined;
  const wrong = expected.flatMap((size, i) => (size === found[i] || names[i] === undefined ? [] : [names[i]]));
  return wrong.length === 0 ? undefined : [...new Set(wrong)].join(" and ");
}
