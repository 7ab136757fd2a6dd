import type { RotaryPairs } from "@elastic-attention/tensor";
import { type LayerType, layerTypes } from "../layer-types.js";
import { ModelConfig } from "../model-config.js";
import type { RopeScaling, RopeSpec } from "./rope-spec.js";

/** What a family's config.json leaves to its class. */
export interface RopeTraits {
  /** Default "halves". */
  readonly pairs?: RotaryPairs;
  /** Default 10 000. */
  readonly theta?: number;
  /** Share of each head's dimensions that turn where the file does not say; without it all turn, and nothing else is accepted. */
  readonly partialFactor?: number;
  /** Of layers that slide, unscaled, in files that do not nest `rope_parameters` by layer type; the key that may give it. */
  readonly sliding?: { readonly key: string; readonly theta: number };
}

const scalings = ["default", "linear", "divided", "dynamic", "llama3", "yarn", "longrope", "su"] as const;

/**
 * The rotation of each type of layer. Reads `rope_parameters` (transformers 5, also nested by layer type), and `rope_theta`
 * with `rope_scaling`, which wins where a file has both; a file's `original_max_position_embeddings` at the top level wins
 * over one inside.
 * @throws ModelConfigError
 */
export function parseRopes(config: ModelConfig, headDim: number, traits: RopeTraits = {}): (type: LayerType) => RopeSpec {
  const parameters = config.section("rope_parameters");
  const scaling = config.section("rope_scaling");
  if (parameters === undefined || !isNested(parameters)) {
    const rope = parseRope(config, headDim, traits);
    const { sliding } = traits;
    if (sliding === undefined) return () => rope;
    const { rotatedDim, pairs } = rope;
    const local: RopeSpec = { type: "default", theta: config.number(sliding.key, sliding.theta), rotatedDim, pairs };
    return (type) => (type === "sliding_attention" ? local : rope);
  }
  if (scaling !== undefined) throw config.error("rope_scaling", "absent, as rope_parameters has every layer type's own");
  const ropes = layerTypes.map((type) => {
    const section = parameters.section(type);
    return section === undefined ? undefined : ropeOf(config, section, headDim, traits);
  });
  return (type) => {
    const rope = ropes[layerTypes.indexOf(type)];
    if (rope === undefined) throw parameters.error(type, "an object, as a layer is of this type");
    return rope;
  };
}

/** Whether layers with a sliding window turn in a way of their own. */
export function isByLayerType(config: ModelConfig, { sliding }: RopeTraits = {}): boolean {
  const parameters = config.section("rope_parameters");
  return sliding !== undefined || (parameters !== undefined && isNested(parameters));
}

function isNested(parameters: ModelConfig): boolean {
  return layerTypes.some((type) => parameters.has(type));
}

/** The rotation of a model whose layers all turn alike. @throws ModelConfigError */
export function parseRope(config: ModelConfig, headDim: number, traits: RopeTraits = {}): RopeSpec {
  const parameters = config.section("rope_parameters");
  const scaling = config.section("rope_scaling");
  const rope = ropeOf(config, scaling ?? parameters, headDim, traits);
  if (scaling !== undefined && parameters?.has("rope_theta") === true && parameters.number("rope_theta") !== rope.theta) {
    throw parameters.error("rope_theta", `the ${rope.theta} that rope_scaling is used with, which wins over rope_parameters`);
  }
  return rope;
}

function ropeOf(config: ModelConfig, section: ModelConfig | undefined, headDim: number, traits: RopeTraits): RopeSpec {
  const ownTheta = config.number("rope_theta", traits.theta ?? 10_000);
  const theta = section?.number("rope_theta", ownTheta) ?? ownTheta;
  if (!(theta > 0)) throw (section?.has("rope_theta") === true ? section : config).error("rope_theta", "above 0");
  const rotatedDim = rotatedDimensions(config, section, headDim, traits.partialFactor);
  const scaling = parseScaling(config, section ?? new ModelConfig({}, config.path), rotatedDim);
  return { theta, rotatedDim, pairs: traits.pairs ?? "halves", ...scaling };
}

function rotatedDimensions(config: ModelConfig, section: ModelConfig | undefined, headDim: number, fallback: number | undefined): number {
  const outer = config.number("partial_rotary_factor", fallback ?? 1);
  const factor = section?.number("partial_rotary_factor", outer) ?? outer;
  const where = section?.has("partial_rotary_factor") === true ? section : config;
  const rotated = Math.trunc(headDim * factor);
  if (config.has("partial_rotary_factor") && factor !== outer) throw where.error("partial_rotary_factor", `the ${outer} of the outer key`);
  if (fallback === undefined && factor !== 1) throw where.error("partial_rotary_factor", "1 in a model of this architecture");
  if (!(rotated >= 2 && rotated <= headDim) || rotated % 2 !== 0) {
    throw where.error("partial_rotary_factor", `a share that gives an even number of the ${headDim} dimensions of a head`);
  }
  return rotated;
}

function parseScaling(config: ModelConfig, section: ModelConfig, rotatedDim: number): RopeScaling {
  const key = section.has("rope_type") ? "rope_type" : "type";
  const named = section.choice(key, scalings, "default");
  // Early Phi-3 checkpoints name longrope "su", or "yarn" with its lists.
  const type = named === "su" || (named === "yarn" && section.has("short_factor")) ? "longrope" : named;
  switch (type) {
    case "default":
      // Files without scaling name the length all the same.
      config.disregard("original_max_position_embeddings");
      return { type };
    case "divided":
      return { type, divisors: perPair(section, "divisors", rotatedDim) };
    case "linear":
      return { type, factor: positive(section, "factor") };
    case "dynamic":
      if (rotatedDim < 4) throw section.error(key, "another type for heads of which two dimensions turn");
      return { type, factor: positive(section, "factor"), originalContextLength: config.count("max_position_embeddings") };
    case "llama3":
      return {
        type,
        factor: positive(section, "factor"),
        originalContextLength: originalLength(config, section),
        lowFrequencyFactor: section.number("low_freq_factor"),
        highFrequencyFactor: section.number("high_freq_factor"),
      };
    case "yarn":
      return parseYarn(config, section);
    case "longrope":
      return parseLongrope(config, section, rotatedDim);
  }
}

function parseYarn(config: ModelConfig, section: ModelConfig): RopeScaling & { type: "yarn" } {
  const originalContextLength = originalLength(config, section);
  const factor = section.has("factor") ? positive(section, "factor") : config.count("max_position_embeddings") / originalContextLength;
  const magnitude = (scale: number) => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  const [mscale, mscaleAllDim] = [section.number("mscale", 0), section.number("mscale_all_dim", 0)];
  const usual = mscale !== 0 && mscaleAllDim !== 0 ? magnitude(mscale) / magnitude(mscaleAllDim) : magnitude(1);
  return {
    type: "yarn",
    factor,
    originalContextLength,
    attentionFactor: section.number("attention_factor", usual),
    betaFast: section.number("beta_fast", 32),
    betaSlow: section.number("beta_slow", 1),
    truncate: section.boolean("truncate", true),
  };
}

function parseLongrope(config: ModelConfig, section: ModelConfig, rotatedDim: number): RopeScaling & { type: "longrope" } {
  const originalContextLength = originalLength(config, section);
  const factor = section.number("factor", config.count("max_position_embeddings") / originalContextLength);
  const usual = factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(originalContextLength));
  return {
    type: "longrope",
    shortFactors: perPair(section, "short_factor", rotatedDim),
    longFactors: perPair(section, "long_factor", rotatedDim),
    originalContextLength,
    attentionFactor: section.number("attention_factor", usual),
  };
}

/** Length of the training before the scaling: the top level decides, then the section, then the model's own length. */
export function originalLength(config: ModelConfig, section: ModelConfig): number {
  const inside = section.count("original_max_position_embeddings", config.count("max_position_embeddings"));
  return config.count("original_max_position_embeddings", inside);
}

function perPair(section: ModelConfig, key: string, rotatedDim: number): readonly number[] {
  const values = section.numbers(key);
  if (values.length !== rotatedDim / 2 || !values.every((value) => value > 0)) {
    throw section.error(key, `a list of ${rotatedDim / 2} numbers above 0, one for each pair`);
  }
  return values;
}

function positive(section: ModelConfig, key: string): number {
  const value = section.number(key);
  if (!(value > 0)) throw section.error(key, "above 0");
  return value;
}
