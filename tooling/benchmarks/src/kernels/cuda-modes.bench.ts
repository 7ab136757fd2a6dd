import { MemoryScope } from "@elastic-attention/core";
import {
  type AttentionMode,
  decodeAttention,
  DecodeBatch,
  decodePlanBytes,
  PagePool,
  planDecode,
  SequenceCache,
  tokensRead,
} from "@elastic-attention/attention";
import { cudaProvider } from "@elastic-attention/cuda";
import { type Backend, createBackend, fillNormal, registerBackend, type Tensor } from "@elastic-attention/tensor";
import type { Benchmark } from "../benchmark.js";
import { choosingBlocks } from "./choosing-blocks.js";
import { skippedTiles } from "./skipped-tiles.js";
import { type Figure, figure } from "../figures/figure.js";
import { queuedSeconds } from "../figures/queued-seconds.js";
import { duration } from "../figures/statistics.js";

/** The attention of Llama-3.1-8B, three quarters of the heads sparse. */
const shape = { numQueryHeads: 32, numKeyValueHeads: 8, headDim: 128 } as const;
const sparseHeads = 6;
const launches = 32;
const full: AttentionMode = { kind: "full" };

export const benchmark: Benchmark = {
  description: "Modes that choose on cuda: decoding by pages over full attention, what choosing blocks of a prompt costs, and what a threshold on tiles gains (one GPU)",
  async run(options, progress) {
    registerBackend(cudaProvider);
    using backend = await createBackend("cuda");
    const figures: Figure[] = [];
    const add = (found: Figure) => {
      figures.push(found);
      progress(`${found.what}: ${found.ours.median.toPrecision(4)} ${found.unit}${found.ratio === undefined ? "" : `, ${found.ratio.median.toFixed(2)} x`} ${found.note ?? ""}`);
    };
    for (const tokens of options.tokens ?? [options.tiny ? 4096 : 131_072]) {
      const whole = await decode(backend, tokens, full);
      for (const pageTokens of [16, 32, 64]) {
        const mode: AttentionMode = { kind: "pages", sinkTokens: 128, localTokens: 2048, pageTokens, budget: options.tiny ? 512 : 4096 };
        const samples = await decode(backend, tokens, mode);
        add(figure({
          what: `decode attention in a graph, ${tokens} tokens, ${sparseHeads} of 8 heads by pages of ${pageTokens}`,
          unit: "us",
          ours: duration("ours", samples, 1),
          peer: duration("all heads full", whole, 1),
          ...(pageTokens === 64 ? { target: { bound: "at least", value: 2.5 }, targetIsRatio: true } as const : {}),
          higherIsBetter: false,
          note: `(${tokensRead(mode, tokens)} tokens read of ${tokens})`,
        }));
      }
    }
    for (const tokens of options.tiny ? [2048] : [8192, 32_768]) add(await choosingBlocks(backend, { ...shape, tokens, time: (run) => microseconds(backend, run, 4) }));
    const time = (run: () => void) => microseconds(backend, run, 2);
    for (const found of await skippedTiles(backend, { ...shape, tokens: options.tiny ? 4096 : 65_536, time })) add(found);
    return { figures, notes: ["times of queued work"] };
  },
};

async function microseconds(backend: Backend, run: () => void, count: number, rounds = 7): Promise<number[]> {
  for (let i = 0; i < 3; i++) run();
  await backend.synchronize();
  return (await queuedSeconds(backend, run, count, rounds)).map((time) => time * 1e6);
}

function randomRows(backend: Backend, rows: number, heads: number, seed: number): Tensor {
  const tensor = backend.allocate([rows, heads, shape.headDim], "bf16");
  backend.kernels.run(fillNormal, { output: tensor, seed, deviation: 1 });
  return tensor;
}

/** One attention call of a decode step, in a graph, in microseconds. */
async function decode(backend: Backend, tokens: number, mode: AttentionMode): Promise<number[]> {
  using scope = new MemoryScope();
  const { numQueryHeads, numKeyValueHeads, headDim } = shape;
  const pool = scope.track(new PagePool({ backend, headDim, dtype: "bf16" }));
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads, headDim, dtype: "bf16", pool }));
  const rows = scope.track(randomRows(backend, tokens - 1, numKeyValueHeads, 2));
  cache.append(0, rows, rows);
  cache.settle(0, Array.from({ length: numKeyValueHeads }, (_, head) => (head < sparseHeads ? mode : full)));
  cache.advance(tokens - 1);
  const query = scope.track(randomRows(backend, 1, numQueryHeads, 3));
  const output = scope.track(backend.allocate(query.shape, "bf16"));
  const planBytes = backend.kernels.run(decodePlanBytes, { slots: 1, numLayers: 1, numKeyValueHeads });
  const batch = scope.track(new DecodeBatch({ backend, pool, slots: 1, numLayers: 1, numKeyValueHeads, planBytes }));
  batch.update([{ tokens: [0], cache }]);
  backend.kernels.run(planDecode, { batch });
  const run = () => backend.kernels.run(decodeAttention, { batch, layer: 0, query, output, scale: headDim ** -0.5, choosesPages: batch.pages !== undefined });
  run();
  const graph = scope.track(
    backend.capture!(() => {
      for (let i = 0; i < launches; i++) run();
    }),
  );
  return (await microseconds(backend, () => graph.replay(), 4)).map((time) => time / launches);
}
