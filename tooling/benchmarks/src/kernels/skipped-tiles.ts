import { MemoryScope } from "@elastic-attention/core";
import { type BlockPattern, hybridAttention, knownPatterns, SequenceCache } from "@elastic-attention/attention";
import { type Backend, fillNormal, hostArray, type Tensor, toBFloat16 } from "@elastic-attention/tensor";
import { type Figure, figure } from "../figures/figure.js";
import { duration } from "../figures/statistics.js";

export interface SkippedTilesOptions {
  readonly tokens: number;
  readonly numQueryHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  /** Times of a call, in microseconds. */
  readonly time: (run: () => void) => Promise<number[]>;
}

const blockTokens = 128;
/** What every key of a light block scores below the others of a query: far beyond any limit of a threshold. */
const lightScore = 40;

/**
 * Full attention under a threshold over full attention without one, where half of the key tiles lie below any threshold, and
 * where none is skipped: what the threshold gains, and what it costs.
 */
export async function skippedTiles(backend: Backend, { tokens, numQueryHeads, numKeyValueHeads, headDim, time }: SkippedTilesOptions): Promise<Figure[]> {
  using scope = new MemoryScope();
  const scale = headDim ** -0.5;
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads, headDim, dtype: "bf16" }));
  const values = scope.track(normalRows(backend, [tokens, numKeyValueHeads, headDim], 5));
  const keys = scope.track(normalRows(backend, [tokens, numKeyValueHeads, headDim], 6));
  const query = scope.track(normalRows(backend, [tokens, numQueryHeads, headDim], 7));
  // The first dimension of a head is the same for every query, and tells light keys from others.
  setFirst(keys, (token) => (Math.floor(token / blockTokens) % 2 === 1 ? -lightScore / scale / 8 : 0));
  setFirst(query, () => 8);
  cache.append(0, keys, values);
  const output = scope.track(backend.allocate(query.shape, "bf16"));
  const attend = (pattern: BlockPattern, tileCounts?: Tensor) => {
    const sequence = { start: 0, length: tokens, cache: cache.layer(0), routing: knownPatterns(Array.from({ length: numKeyValueHeads }, () => pattern)) };
    backend.kernels.run(hybridAttention, { query, output, sequences: [tileCounts === undefined ? sequence : { ...sequence, tileCounts }], scale });
  };
  const skippedShare = (pattern: BlockPattern) => {
    using counts = backend.upload(new Int32Array(2 * numQueryHeads), [2, numQueryHeads], "i32");
    attend(pattern, counts);
    const all = Array.from(hostArray(counts.download(), "i32"));
    const [skipped, seen] = [all.slice(0, numQueryHeads), all.slice(numQueryHeads)].map((part) => part.reduce((sum, count) => sum + count, 0));
    return skipped! / seen!;
  };
  const whole = duration("full attention", await time(() => attend({ type: "full" })), 1);
  const figureOf = async (what: string, factor: number, target: number) => {
    const pattern: BlockPattern = { type: "threshold", factor };
    return figure({
      what: `prefill attention, ${tokens} tokens, all heads by threshold, ${what}`,
      unit: "us",
      ours: duration("threshold", await time(() => attend(pattern)), 1),
      peer: whole,
      target: { bound: "at least", value: target },
      targetIsRatio: true,
      higherIsBetter: false,
      note: `(${(100 * skippedShare(pattern)).toFixed(1)}% of the tiles skipped)`,
    });
  };
  return [await figureOf("half of the tiles light", 1, 1.6), await figureOf("nothing below the threshold", 1e-30, 0.99)];
}

function normalRows(backend: Backend, shape: readonly number[], seed: number): Tensor {
  const tensor = backend.allocate(shape, "bf16");
  backend.kernels.run(fillNormal, { output: tensor, seed, deviation: 1 });
  return tensor;
}

/** Sets the first element of every head of a row. */
function setFirst(tensor: Tensor, value: (token: number) => number): void {
  const [tokens, heads, headDim] = tensor.shape as [number, number, number];
  const bits = Uint16Array.from(hostArray(tensor.download(), "bf16") as Uint16Array);
  for (let token = 0; token < tokens; token++) {
    const first = toBFloat16(value(token));
    for (let head = 0; head < heads; head++) bits[(token * heads + head) * headDim] = first;
  }
  tensor.backend.write(tensor, bits);
}
