import type { RopeSpec } from "./rope-spec.js";

/**
 * Inverse frequencies of the rotatedDim / 2 pairs, in float32 arithmetic as the published models compute them.
 *
 * @param length tokens of the sequence, which dynamic and longrope scaling look at. Default: within the original context.
 */
export function inverseFrequencies(rope: RopeSpec, length = 0): Float32Array {
  const { rotatedDim } = rope;
  const plain = plainFrequencies(rope.theta, rotatedDim);
  switch (rope.type) {
    case "default":
      return plain;
    case "linear":
      return plain.map((frequency) => frequency / rope.factor);
    case "divided":
      return plain.map((frequency, pair) => frequency / rope.divisors[pair]!);
    case "dynamic":
      return length > rope.originalContextLength ? plainFrequencies(dynamicBase(rope, length), rotatedDim) : plain;
    case "llama3":
      return plain.map((frequency) => llama3Frequency(frequency, rope));
    case "yarn":
      return yarnFrequencies(plain, rope);
    case "longrope": {
      const factors = length > rope.originalContextLength ? rope.longFactors : rope.shortFactors;
      return plain.map((_, pair) => 1 / Math.fround(Math.fround(factors[pair]!) * power(rope.theta, pair, rotatedDim)));
    }
  }
}

function plainFrequencies(theta: number, rotatedDim: number): Float32Array {
  return Float32Array.from({ length: rotatedDim / 2 }, (_, pair) => 1 / power(theta, pair, rotatedDim));
}

/** theta^(2 · pair / rotatedDim). */
function power(theta: number, pair: number, rotatedDim: number): number {
  return Math.fround(theta ** Math.fround((2 * pair) / rotatedDim));
}

function dynamicBase(rope: RopeSpec & { type: "dynamic" }, length: number): number {
  const { theta, factor, originalContextLength, rotatedDim } = rope;
  const stretched = (factor * length) / originalContextLength - (factor - 1);
  return theta * stretched ** (rotatedDim / (rotatedDim - 2));
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
function yarnFrequencies(plain: Float32Array, rope: RopeSpec & { type: "yarn" }): Float32Array {
  const { rotatedDim } = rope;
  const pairOfTurns = (turns: number) =>
    (rotatedDim * Math.log(rope.originalContextLength / (turns * 2 * Math.PI))) / (2 * Math.log(rope.theta));
  const [floor, ceil] = rope.truncate ? [Math.floor, Math.ceil] : [Number, Number];
  const first = Math.max(floor(pairOfTurns(rope.betaFast)), 0);
  const last = Math.min(ceil(pairOfTurns(rope.betaSlow)), rotatedDim - 1);
  const width = last === first ? 0.001 : last - first;
  return plain.map((frequency, pair) => {
    const ramp = Math.min(1, Math.max(0, (pair - first) / width));
    return (frequency / rope.factor) * ramp + frequency * (1 - ramp);
  });
}
