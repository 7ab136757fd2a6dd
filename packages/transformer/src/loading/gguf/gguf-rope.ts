import type { Checkpoint } from "@elastic-attention/tensor";
import { hostFloats } from "../host-floats.js";
import type { ArchitectureKeys } from "./architecture-keys.js";
import type { ConfigValues } from "./gguf-architectures.js";

/** Name of the tensor of numbers by which the frequencies are divided (Llama 3.1 and later). */
export const divisorsName = "rope_freqs.weight";
/** The same for texts within the original context, and for those beyond it (Phi-3). */
export const [shortFactorsName, longFactorsName] = ["rope_factors_short.weight", "rope_factors_long.weight"];

/** The tensors of numbers by which frequencies are divided. */
export const ropeTensorNames: readonly string[] = [divisorsName, shortFactorsName, longFactorsName];

/**
 * The `rope_parameters` of a config: how the keys `<architecture>.rope.*` and the tensors of divisors say it.
 * @param partial whether a part of each head may turn alone
 * @throws GgufMetadataError
 */
export function ropeParameters(keys: ArchitectureKeys, checkpoint: Checkpoint, headDim: number, partial: boolean): ConfigValues {
  const rotated = keys.positive("rope.dimension_count", headDim);
  if (!partial && rotated !== headDim) throw keys.error("rope.dimension_count", `must be the ${headDim} of a head, as partial rotation is not supported for ${keys.architecture}`);
  if (rotated > headDim || rotated % 2 !== 0) throw keys.error("rope.dimension_count", `must be an even number of the ${headDim} dimensions of a head`);
  const common = { rope_theta: keys.float("rope.freq_base", 10_000), ...(partial ? { partial_rotary_factor: rotated / headDim } : {}) };

  // Files of the first years have the factor of linear scaling under a key of its own.
  const factor = keys.has("rope.scaling.factor") ? keys.float("rope.scaling.factor") : keys.float("rope.scale_linear", 0);
  if (factor < 0) throw keys.error("rope.scaling.factor", "must not be negative");
  const unscaled = factor === 0 || factor === 1;
  const type = keys.string("rope.scaling.type", unscaled ? "none" : "linear");
  const tensors = ropeTensorNames.filter((name) => checkpoint.has(name));
  if (tensors.length > 0) return { ...common, ...divided(keys, checkpoint, rotated, type) };
  switch (type) {
    case "none":
      return { ...common, rope_type: "default" };
    case "linear":
      return unscaled ? { ...common, rope_type: "default" } : { ...common, rope_type: "linear", factor };
    case "yarn":
      return { ...common, rope_type: "yarn", ...yarnParameters(keys, factor) };
    default:
      throw keys.error("rope.scaling.type", "must be one of none, linear, yarn");
  }
}

function yarnParameters(keys: ArchitectureKeys, factor: number): ConfigValues {
  if (factor < 1) throw keys.error("rope.scaling.factor", "must be 1 or above for yarn");
  if (keys.float("rope.scaling.yarn_ext_factor", 1) !== 1) throw keys.error("rope.scaling.yarn_ext_factor", "must be 1");
  const attention = keys.float("rope.scaling.attn_factor", keys.float("rope.scaling.yarn_attn_factor", 1));
  return {
    factor,
    original_max_position_embeddings: keys.count("rope.scaling.original_context_length", keys.count("context_length")),
    attention_factor: attention * (0.1 * Math.log(factor) + 1),
    beta_fast: keys.float("rope.scaling.yarn_beta_fast", 32),
    beta_slow: keys.float("rope.scaling.yarn_beta_slow", 1),
  };
}

/** Scaling by the tensors of divisors, to which no other scaling is added. */
function divided(keys: ArchitectureKeys, checkpoint: Checkpoint, rotated: number, type: string): ConfigValues {
  const read = (name: string) => readDivisors(keys, checkpoint, name, rotated / 2);
  if (checkpoint.has(divisorsName)) {
    if (type !== "none") throw keys.error("rope.scaling.type", `must be "none" in a file with ${divisorsName}`);
    for (const other of [shortFactorsName, longFactorsName]) {
      if (checkpoint.has(other)) throw keys.metadata.error(other, `must not be in a file with ${divisorsName}`);
    }
    return { rope_type: "divided", divisors: read(divisorsName) };
  }
  if (type !== "none" && type !== "longrope") throw keys.error("rope.scaling.type", `must be "longrope" in a file with ${longFactorsName}`);
  return {
    rope_type: "longrope",
    short_factor: read(shortFactorsName),
    long_factor: read(longFactorsName),
    original_max_position_embeddings: keys.positive("rope.scaling.original_context_length"),
    ...(keys.has("rope.scaling.attn_factor") ? { attention_factor: keys.float("rope.scaling.attn_factor") } : {}),
  };
}

function readDivisors({ metadata }: ArchitectureKeys, checkpoint: Checkpoint, name: string, pairs: number): number[] {
  const { type, shape } = checkpoint.entry(name);
  const divisors = shape.length === 1 && shape[0] === pairs ? Array.from(hostFloats(checkpoint.read(name), type)) : [];
  if (divisors.length !== pairs || !divisors.every((divisor) => divisor > 0 && Number.isFinite(divisor))) {
    throw metadata.error(name, `must be ${pairs} numbers above 0`);
  }
  return divisors;
}
