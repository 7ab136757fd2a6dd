import { MemoryScope } from "@elastic-attention/core";
import { fullPatterns, hybridAttention, knownPatterns, SequenceCache, xattentionEstimate } from "@elastic-attention/attention";
import { cudaProvider } from "@elastic-attention/cuda";
import { type Backend, createBackend, registerBackend, type Tensor, toBFloat16 } from "@elastic-attention/tensor";
import type { Benchmark } from "../benchmark.js";
import { seconds, shape, summary } from "./cuda-kernels.bench.js";
import { type Figure, figure } from "../figures/figure.js";
import { median } from "../figures/statistics.js";

const blockSize = 128;
/** Rows drawn for each topic, and then taken in turns; a prime. */
const drawnRows = 4093;

export const benchmark: Benchmark = {
  description: "XAttention on inputs with concentrated attention: time over full attention's, over the share of blocks read (one GPU)",
  async run(options, progress) {
    const { numQueryHeads, numKeyValueHeads, headDim } = shape;
    registerBackend(cudaProvider);
    using backend = await createBackend("cuda");
    const figures: Figure[] = [];
    for (const tokens of options.tokens ?? (options.tiny ? [4096] : [32_768, 131_072])) {
      for (const topics of [4, 16]) {
        progress(`${tokens} tokens, ${topics} topics`);
        using scope = new MemoryScope();
        const concentrated = new ConcentratedInputs(tokens, topics, headDim);
        const keys = concentrated.rows(backend, scope, numKeyValueHeads, 1);
        const values = concentrated.rows(backend, scope, numKeyValueHeads, 2);
        const query = concentrated.rows(backend, scope, numQueryHeads, 3);
        const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads, headDim, dtype: "bf16" }));
        cache.append(0, keys, values);
        const output = scope.track(backend.allocate(query.shape, "bf16"));
        const keyValueHeads = Array.from({ length: numKeyValueHeads }, (_, head) => head);
        const mode = { kind: "xattention", stride: 16, threshold: 0.9, blockSize } as const;
        const estimate = () => backend.kernels.run(xattentionEstimate, { query, cache: cache.layer(0), keyValueHeads, mode });
        const mask = scope.track(estimate());
        const attend = (type: "full" | "selected") => {
          const routing = type === "full" ? fullPatterns(numKeyValueHeads) : knownPatterns(keyValueHeads.map(() => ({ type, blockSize })), mask);
          const sequences = [{ start: 0, length: tokens, cache: cache.layer(0), routing }];
          return seconds(backend, () => backend.kernels.run(hybridAttention, { query, output, sequences, scale: headDim ** -0.5 }), 3);
        };
        const [full, selected] = [median(await attend("full")), await attend("selected")];
        const estimating = median(await seconds(backend, () => estimate()[Symbol.dispose](), 3));
        const density = visitedShare(mask.visited.download(), tokens, numQueryHeads);
        figures.push(
          figure({
            what: `XAttention at 0.9, ${tokens} tokens, ${(100 * density).toFixed(1)}% of the blocks read`,
            unit: "of FA time over density",
            ours: summary("ours", selected, (s) => s / full / density),
            target: { bound: "at most", value: 1.15 },
            higherIsBetter: false,
            note: `FA ${(full * 1e3).toFixed(2)} ms, selected ${(median(selected) * 1e3).toFixed(2)} ms, estimate ${(estimating * 1e3).toFixed(2)} ms`,
          }),
        );
      }
    }
    return { figures, notes: ["every block of 128 tokens belongs to one of the topics; its keys and queries lie near the topic's direction"] };
  },
};

/** Share of the causal blocks that are visited, over all query heads. */
function visitedShare(visited: Uint8Array, tokens: number, numQueryHeads: number): number {
  const blocks = Math.ceil(tokens / blockSize);
  return visited.reduce((sum, value) => sum + value, 0) / ((numQueryHeads * blocks * (blocks + 1)) / 2);
}

/**
 * Rows whose attention concentrates: each block of 128 tokens has a topic, the same for keys and queries, and its rows
 * are the topic's direction, long enough that other topics get e^-10 of the weight, with noise of unit variance.
 */
class ConcentratedInputs {
  readonly #topicOf: readonly number[];
  /** [topic]: bf16 rows, one after another. */
  readonly #rowsOf: readonly Uint16Array[];

  constructor(
    private readonly tokens: number,
    topics: number,
    private readonly headDim: number,
  ) {
    const random = mulberry(topics);
    this.#topicOf = Array.from({ length: Math.ceil(tokens / blockSize) }, () => Math.floor(random() * topics));
    const length = Math.sqrt(10 * Math.sqrt(headDim));
    this.#rowsOf = Array.from({ length: topics }, () => {
      const direction = Float32Array.from({ length: headDim }, () => normal(random));
      const norm = Math.hypot(...direction);
      return Uint16Array.from({ length: drawnRows * headDim }, (_, i) =>
        toBFloat16((direction[i % headDim]! / norm) * length + normal(random)),
      );
    });
  }

  /** bf16 [tokens, heads, headDim]. */
  rows(backend: Backend, scope: MemoryScope, heads: number, salt: number): Tensor {
    const { tokens, headDim } = this;
    const values = new Uint16Array(tokens * heads * headDim);
    let drawn = salt * 7919;
    for (let row = 0; row < tokens * heads; row++) {
      const rows = this.#rowsOf[this.#topicOf[Math.floor(row / heads / blockSize)]!]!;
      drawn = (drawn + 1) % drawnRows;
      values.set(rows.subarray(drawn * headDim, (drawn + 1) * headDim), row * headDim);
    }
    return scope.track(backend.upload(values, [tokens, heads, headDim], "bf16"));
  }
}

function mulberry(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function normal(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
