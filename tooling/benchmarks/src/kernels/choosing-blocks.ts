import { MemoryScope } from "@elastic-attention/core";
import { type AttentionMode, attentionModeDefinition, chooseBlocks, fullPatterns, hybridAttention, SequenceCache } from "@elastic-attention/attention";
import { type Backend, fillNormal, type Tensor } from "@elastic-attention/tensor";
import { type Figure, figure } from "../figures/figure.js";
import { duration, median } from "../figures/statistics.js";

export interface ChoosingBlocksOptions {
  readonly tokens: number;
  readonly numQueryHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  /** Times of a call, in microseconds. */
  readonly time: (run: () => void) => Promise<number[]>;
}

/** What choosing blocks costs by block search and by XAttention, beside full attention over the same prompt. */
export async function choosingBlocks(backend: Backend, { tokens, numQueryHeads, numKeyValueHeads, headDim, time }: ChoosingBlocksOptions): Promise<Figure> {
  using scope = new MemoryScope();
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads, headDim, dtype: "bf16" }));
  const keys = scope.track(randomRows(backend, [tokens, numKeyValueHeads, headDim], 4));
  const query = scope.track(randomRows(backend, [tokens, numQueryHeads, headDim], 5));
  cache.append(0, keys, keys);
  const output = scope.track(backend.allocate(query.shape, "bf16"));
  const scale = headDim ** -0.5;
  const sequences = [{ start: 0, length: tokens, cache: cache.layer(0), routing: fullPatterns(numKeyValueHeads) }];
  const attention = median(await time(() => backend.kernels.run(hybridAttention, { query, output, sequences, scale })));
  const keyValueHeads = Array.from({ length: numKeyValueHeads }, (_, head) => head);
  const choose = async (name: string, mode: AttentionMode) => {
    attentionModeDefinition(mode).validate(mode);
    return duration(name, await time(() => chooseBlocks({ mode, layer: 0, query, cache: cache.layer(0), keyValueHeads, scale })[Symbol.dispose]()), 1);
  };
  const xattention = await choose("XAttention", { kind: "xattention", stride: 16, threshold: 0.9, blockSize: 128 });
  const search = await choose("block search", { kind: "flash-prefill", stride: 16, alpha: 0.1, blockSize: 128 });
  return figure({
    what: `choosing blocks, ${tokens} tokens, all heads: block search over XAttention`,
    unit: "us",
    ours: search,
    peer: xattention,
    target: { bound: "at least", value: 2 },
    targetIsRatio: true,
    higherIsBetter: false,
    note: `(${((100 * search.median) / attention).toFixed(2)}% and ${((100 * xattention.median) / attention).toFixed(2)}% of full attention)`,
  });
}

function randomRows(backend: Backend, shape: readonly number[], seed: number): Tensor {
  const tensor = backend.allocate(shape, "bf16");
  backend.kernels.run(fillNormal, { output: tensor, seed, deviation: 1 });
  return tensor;
}
