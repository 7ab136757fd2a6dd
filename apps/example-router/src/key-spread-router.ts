import { type AttentionMode, HeadPlan } from "@elastic-attention/attention";
import { registerRouter, type RouterInput, type ScoringRouter } from "@elastic-attention/router";

export interface KeySpreadRouterOptions {
  readonly retrievalMode: AttentionMode;
  readonly sparseMode: AttentionMode;
  /** A head whose keys spread more than this keeps the retrieval mode; 0 to 1, default 0.5. */
  readonly spread?: number;
  /** Tokens looked at, evenly over the prompt; default 256. */
  readonly samples?: number;
}

/**
 * A router without weights: a head can only tell tokens apart by keys that point in different directions. It measures
 * how much the directions of a head's keys spread over the prompt, 1 - |mean of the unit keys|², and gives the retrieval
 * mode to heads above a threshold. A simple rule to start from, not a trained one.
 */
export class KeySpreadRouter implements ScoringRouter {
  readonly name = "key-spread";
  readonly modes: readonly [AttentionMode, AttentionMode];
  readonly #threshold: number;
  readonly #samples: number;

  constructor({ retrievalMode, sparseMode, spread = 0.5, samples = 256 }: KeySpreadRouterOptions) {
    this.modes = [retrievalMode, sparseMode];
    this.#threshold = spread;
    this.#samples = samples;
  }

  route(input: RouterInput): HeadPlan {
    const numKeyValueHeads = input.keys.shape[1]!;
    const scores = this.score(input);
    const rows: Uint8Array[] = [];
    for (let start = 0; start < scores.length; start += numKeyValueHeads) {
      rows.push(Uint8Array.from(scores.subarray(start, start + numKeyValueHeads), (score) => (score > 0 ? 0 : 1)));
    }
    return HeadPlan.fromHost(this.modes, rows);
  }

  /** Spread minus threshold, so that the sparsity dial can move the threshold. */
  score({ keys, offsets }: RouterInput): Float32Array {
    const numKeyValueHeads = keys.shape[1]!;
    const scores = new Float32Array((offsets.length - 1) * numKeyValueHeads);
    for (let sequence = 0; sequence < offsets.length - 1; sequence++) {
      const [start, end] = [offsets[sequence]!, offsets[sequence + 1]!];
      const spreads = keySpreads(keys.rows(start, end), this.#samples);
      for (const [head, spread] of spreads.entries()) scores[sequence * numKeyValueHeads + head] = spread - this.#threshold;
    }
    return scores;
  }

  [Symbol.dispose](): void {}
}

/** Makes the router known by its name: `--router key-spread`. */
export function registerKeySpread(): void {
  registerRouter("key-spread", ({ retrievalMode, sparseMode }) => new KeySpreadRouter({ retrievalMode, sparseMode }));
}

/** 1 - |mean of the unit keys|² of every head, over at most `samples` tokens. Keys of length zero count as no direction. */
function keySpreads(keys: RouterInput["keys"], samples: number): Float64Array {
  const [tokens = 0, numKeyValueHeads = 0, headDim = 0] = keys.shape;
  const taken = Math.min(samples, tokens);
  const means = new Float64Array(numKeyValueHeads * headDim);
  for (let sample = 0; sample < taken; sample++) {
    const token = Math.floor((sample * tokens) / taken);
    const row = keys.rows(token, token + 1).toFloat32();
    for (let head = 0; head < numKeyValueHeads; head++) {
      const key = row.subarray(head * headDim, (head + 1) * headDim);
      const length = Math.hypot(...key);
      if (length > 0) for (let d = 0; d < headDim; d++) means[head * headDim + d]! += key[d]! / length / taken;
    }
  }
  return Float64Array.from({ length: numKeyValueHeads }, (_, head) => {
    const mean = means.subarray(head * headDim, (head + 1) * headDim);
    return 1 - mean.reduce((sum, value) => sum + value * value, 0);
  });
}
