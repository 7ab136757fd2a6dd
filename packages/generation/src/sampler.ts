import { InvalidRequestError } from "@elastic-attention/core";
import type { SamplingParameters } from "./generation-request.js";
import { RandomStream } from "./random-stream.js";
import { checkSampling } from "./sampling-parameters.js";

/** Draws the tokens of one request. Order: repetition penalty, temperature, top-k, top-p, min-p. */
export class Sampler {
  readonly #parameters: Required<Omit<SamplingParameters, "seed">>;
  readonly #random: RandomStream;
  readonly #seen = new Set<number>();

  /** @throws InvalidRequestError for values out of range, naming the parameter. */
  constructor(parameters: SamplingParameters = {}, promptTokens: Iterable<number> = []) {
    const { seed, ...checked } = checkSampling(parameters);
    this.#parameters = checked;
    this.#random = new RandomStream(seed ?? Math.floor(Math.random() * 2 ** 32));
    for (const token of promptTokens) this.#seen.add(token);
  }

  /** The next token for logits [vocabulary]; the array is changed. @throws InvalidRequestError when no logit is a number. */
  next(logits: Float32Array): number {
    const { temperature, repetitionPenalty } = this.#parameters;
    if (repetitionPenalty !== 1) {
      for (const token of this.#seen) {
        const logit = logits[token]!;
        logits[token] = logit > 0 ? logit / repetitionPenalty : logit * repetitionPenalty;
      }
    }
    const token = temperature === 0 ? indexOfLargest(logits) : this.#draw(logits, temperature);
    this.#seen.add(token);
    return token;
  }

  #draw(logits: Float32Array, temperature: number): number {
    const { topK, topP, minP } = this.#parameters;
    const largest = logits[indexOfLargest(logits)]!;
    // Only what can be drawn is sorted: less likely tokens do not change a sum in double precision.
    const least = largest - negligible * temperature;
    const order = Int32Array.from(logits.keys())
      .filter((token) => logits[token]! >= least)
      .sort((a, b) => logits[b]! - logits[a]! || a - b);
    const kept = topK === 0 ? order : order.subarray(0, topK);
    const weights = Float64Array.from(kept, (token) => Math.exp((logits[token]! - largest) / temperature));
    const count = keptByProbability(weights, topP, minP);
    let remaining = this.#random.next() * sum(weights.subarray(0, count));
    for (let i = 0; i < count; i++) {
      remaining -= weights[i]!;
      if (remaining < 0) return kept[i]!;
    }
    return kept[count - 1]!;
  }
}

/** Tokens this many units of temperature below the best have less than 4e-18 of its probability. */
const negligible = 40;

/** How many of the descending weights survive top-p and min-p; at least one. */
function keptByProbability(weights: Float64Array, topP: number, minP: number): number {
  const total = sum(weights);
  let count = 0;
  let mass = 0;
  while (count < weights.length && (count === 0 || (mass < topP * total && weights[count]! >= minP * weights[0]!))) {
    mass += weights[count++]!;
  }
  return count;
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

function indexOfLargest(logits: Float32Array): number {
  let best = -1;
  for (let i = 0; i < logits.length; i++) if (best < 0 ? logits[i]! === logits[i]! : logits[i]! > logits[best]!) best = i;
  if (best < 0) {
    throw new InvalidRequestError("The model gave no finite logit.", "Check the weights with `elastic-attention inspect`.");
  }
  return best;
}
