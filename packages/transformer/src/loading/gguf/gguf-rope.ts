import type { Checkpoint, GgufMetadata } from "@elastic-attention/tensor";
import { hostFloats } from "../host-floats.js";
import { shortestFloat } from "./gguf-numbers.js";

/** Name of the tensor of numbers by which the frequencies are divided (Llama 3.1 and later). */
export const ropeDivisorsName = "rope_freqs.weight";

/** The `rope_parameters` of a config: how the keys `<architecture>.rope.*` and the tensor of divisors say it. @throws GgufMetadataError */
export function ropeParameters(metadata: GgufMetadata, checkpoint: Checkpoint, architecture: string, headDim: number): Record<string, unknown> {
  const name = (key: string) => `${architecture}.rope.${key}`;
  const float = (key: string, fallback?: number) => shortestFloat(metadata.number(name(key), fallback));
  const theta = { rope_theta: float("freq_base", 10_000) };
  const rotated = metadata.count(name("dimension_count"), headDim);
  if (rotated !== headDim) throw metadata.error(name("dimension_count"), `must be the ${headDim} of a head, as partial rotation is not supported`);

  // Files of the first years have the factor of linear scaling under a key of its own.
  const factor = float("scaling.factor", metadata.has(name("scaling.factor")) ? undefined : float("scale_linear", 0));
  if (factor < 0) throw metadata.error(name("scaling.factor"), "must not be negative");
  const type = metadata.string(name("scaling.type"), factor === 0 || factor === 1 ? "none" : "linear");
  const divisors = checkpoint.has(ropeDivisorsName) ? readDivisors(metadata, checkpoint, headDim) : undefined;
  if (divisors !== undefined && type !== "none") {
    throw metadata.error(name("scaling.type"), `must be "none" in a file with ${ropeDivisorsName}`);
  }
  switch (type) {
    case "none":
      return divisors === undefined ? { ...theta, rope_type: "default" } : { ...theta, rope_type: "divided", divisors };
    case "linear":
      return factor === 0 || factor === 1 ? { ...theta, rope_type: "default" } : { ...theta, rope_type: "linear", factor };
    case "yarn":
      return { ...theta, rope_type: "yarn", ...yarnParameters(metadata, architecture, factor) };
    default:
      throw metadata.error(name("scaling.type"), `must be one of none, linear, yarn`);
  }
}

function yarnParameters(metadata: GgufMetadata, architecture: string, factor: number): Record<string, unknown> {
  const name = (key: string) => `${architecture}.rope.scaling.${key}`;
  const float = (key: string, fallback: number) => shortestFloat(metadata.number(name(key), fallback));
  if (factor < 1) throw metadata.error(name("factor"), "must be 1 or above for yarn");
  if (float("yarn_ext_factor", 1) !== 1) throw metadata.error(name("yarn_ext_factor"), "must be 1");
  const attention = float("attn_factor", float("yarn_attn_factor", 1));
  return {
    factor,
    original_max_position_embeddings: metadata.count(name("original_context_length"), metadata.count(`${architecture}.context_length`)),
    attention_factor: attention * (0.1 * Math.log(factor) + 1),
    beta_fast: float("yarn_beta_fast", 32),
    beta_slow: float("yarn_beta_slow", 1),
  };
}

function readDivisors(metadata: GgufMetadata, checkpoint: Checkpoint, headDim: number): number[] {
  const { type, shape } = checkpoint.entry(ropeDivisorsName);
  const divisors = shape.length === 1 ? Array.from(hostFloats(checkpoint.read(ropeDivisorsName), type)) : [];
  if (divisors.length !== headDim / 2 || !divisors.every((divisor) => divisor > 0 && Number.isFinite(divisor))) {
    throw metadata.error(ropeDivisorsName, `must be ${headDim / 2} numbers above 0`);
  }
  return divisors;
}
