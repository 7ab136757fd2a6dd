import type { ModelConfig } from "./model-config.js";

/** Rotary frequencies of a model and how they are stretched over longer contexts. */
export type RopeSpec = { readonly theta: number } & (
  | { readonly type: "default" }
  | { readonly type: "linear"; readonly factor: number }
  /** Each pair's frequency over a number of its own, as GGUF files keep scaled frequencies. */
  | { readonly type: "divided"; readonly divisors: readonly number[] }
  | {
      readonly type: "llama3";
      readonly factor: number;
      readonly lowFrequencyFactor: number;
      readonly highFrequencyFactor: number;
      readonly originalContextLength: number;
    }
  | {
      readonly type: "yarn";
      readonly factor: number;
      readonly originalContextLength: number;
      /** Multiplies cosine and sine. */
      readonly attentionFactor: number;
      readonly betaFast: number;
      readonly betaSlow: number;
      readonly truncate: boolean;
    }
);

const supported = ["default", "linear", "divided", "llama3", "yarn"] as const;

/** Reads both forms: `rope_parameters` (transformers 5) and `rope_theta` with `rope_scaling`. @throws ModelConfigError */
export function parseRope(config: ModelConfig): RopeSpec {
  const section = config.section("rope_parameters") ?? config.section("rope_scaling");
  const theta = section?.has("rope_theta") ? section.number("rope_theta") : config.number("rope_theta", 10_000);
  if (section === undefined) return { theta, type: "default" };
  const key = section.has("rope_type") ? "rope_type" : "type";
  const type = section.choice(key, supported, "default");
  if (type === "default") return { theta, type };
  if (type === "divided") return { theta, type, divisors: section.numbers("divisors") };
  const factor = section.number("factor");
  if (type === "linear") return { theta, type, factor };
  const originalContextLength = section.has("original_max_position_embeddings")
    ? section.count("original_max_position_embeddings")
    : config.count("max_position_embeddings");
  if (type === "llama3") {
    return {
      theta,
      type,
      factor,
      originalContextLength,
      lowFrequencyFactor: section.number("low_freq_factor"),
      highFrequencyFactor: section.number("high_freq_factor"),
    };
  }
  return {
    theta,
    type,
    factor,
    originalContextLength,
    attentionFactor: yarnAttentionFactor(section, factor),
    betaFast: section.number("beta_fast", 32),
    betaSlow: section.number("beta_slow", 1),
    truncate: section.boolean("truncate", true),
  };
}

function yarnAttentionFactor(section: ModelConfig, factor: number): number {
  if (section.has("attention_factor")) return section.number("attention_factor");
  const magnitude = (scale: number) => (factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1);
  if (section.has("mscale") && section.has("mscale_all_dim")) {
    return magnitude(section.number("mscale")) / magnitude(section.number("mscale_all_dim"));
  }
  return magnitude(1);
}

/** Inverse frequencies of the headDim / 2 pairs, in float32 arithmetic as the published models compute them. */
export function inverseFrequencies(rope: RopeSpec, headDim: number): Float32Array {
  const plain = Float32Array.from({ length: headDim / 2 }, (_, i) => 1 / Math.fround(rope.theta ** Math.fround((2 * i) / headDim)));
  switch (rope.type) {
    case "default":
      return plain;
    case "linear":
      return plain.map((frequency) => frequency / rope.factor);
    case "divided":
      return plain.map((frequency, pair) => frequency / rope.divisors[pair]!);
    case "llama3":
      return plain.map((frequency) => llama3Frequency(frequency, rope));
    case "yarn":
      return yarnFrequencies(plain, rope, headDim);
  }
}

function llama3Frequency(frequency: number, rope: RopeSpec & { type: "llama3" }): number {
  const { factor, lowFrequencyFactor: low, highFrequencyFactor: high, originalContextLength } = rope;
  const turns = (originalContextLength * frequency) / (2 * Math.PI);
  if (turns > high) return frequency;
  if (turns < low) return frequency / factor;
  const smooth = (turns - low) / (high - low);
  return ((1 - smooth) * frequency) / factor + smooth * frequency;
}

/** Pairs that turn often keep their frequency, slow ones are interpolated, a linear ramp between. */
function yarnFrequencies(plain: Float32Array, rope: RopeSpec & { type: "yarn" }, headDim: number): Float32Array {
  const pairOfTurns = (turns: number) =>
    (headDim * Math.log(rope.originalContextLength / (turns * 2 * Math.PI))) / (2 * Math.log(rope.theta));
  const [floor, ceil] = rope.truncate ? [Math.floor, Math.ceil] : [Number, Number];
  const first = Math.max(floor(pairOfTurns(rope.betaFast)), 0);
  const last = Math.min(ceil(pairOfTurns(rope.betaSlow)), headDim - 1);
  const width = last === first ? 0.001 : last - first;
  return plain.map((frequency, pair) => {
    const ramp = Math.min(1, Math.max(0, (pair - first) / width));
    return (frequency / rope.factor) * ramp + frequency * (1 - ramp);
  });
}
