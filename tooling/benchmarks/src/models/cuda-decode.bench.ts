import { MemoryScope } from "@elastic-attention/core";
import {
  type AttentionMode,
  decodeAttention,
  DecodeBatch,
  decodePlanBytes,
  hybridAttention,
  PagePool,
  planDecode,
  SequenceCache,
} from "@elastic-attention/attention";
import { cudaProvider } from "@elastic-attention/cuda";
import { type Backend, copySpans, createBackend, fillNormal, registerBackend, type Tensor } from "@elastic-attention/tensor";
import { DecoderModel, TokenSampler } from "@elastic-attention/transformer";
import type { Benchmark } from "../benchmark.js";
import { type Figure, figure } from "../figures/figure.js";
import { publishedShape } from "../random-models/published-shapes.js";
import { queuedSeconds } from "../figures/queued-seconds.js";
import { median } from "../figures/statistics.js";

/** The attention of Llama-3.1-8B. */
const shape = { numQueryHeads: 32, numKeyValueHeads: 8, headDim: 128 } as const;
const streaming: AttentionMode = { kind: "streaming", sinkTokens: 128, localTokens: 2048, blockSize: 128 };
/** Launches in one graph: so that what is measured is the kernel and the gap to the next. */
const launches = 32;

export const benchmark: Benchmark = {
  description: "Decoding on cuda: the attention kernel in a graph and from the host, and whole steps of a model shape (one GPU)",
  async run(options, progress) {
    registerBackend(cudaProvider);
    using backend = await createBackend("cuda");
    const figures: Figure[] = [];
    const add = (found: Figure) => {
      figures.push(found);
      progress(`${found.what}: ${found.ours.median.toPrecision(4)} ${found.unit}${found.note === undefined ? "" : ` (${found.note})`}`);
    };
    const copied = await copyBandwidth(backend, options.tiny);
    progress(`device copy: ${copied.toFixed(0)} GB/s read and written`);
    for (const tokens of options.tokens ?? [options.tiny ? 2048 : 131_072]) {
      for (const batch of options.batches ?? (options.tiny ? [1, 2] : [1, 16])) {
        for (const sparseHeads of [0, 6]) {
          for (const found of await attention(backend, tokens, batch, sparseHeads, copied)) add(found);
        }
      }
    }
    for (const name of options.shapes ?? (options.tiny ? ["tiny"] : [])) await steps(backend, name, options, add, progress);
    return { figures, notes: ["times of queued work; rates count the keys and values that a step must read"] };
  },
};

/** {@link queuedSeconds} of a warm call. */
async function seconds(backend: Backend, run: () => void, count: number, rounds = 7): Promise<number[]> {
  for (let i = 0; i < 3; i++) run();
  await backend.synchronize();
  return queuedSeconds(backend, run, count, rounds);
}

async function copyBandwidth(backend: Backend, tiny: boolean): Promise<number> {
  using scope = new MemoryScope();
  const rows = tiny ? 1024 : 262_144;
  const [source, target] = [0, 1].map(() => scope.track(backend.allocate([rows, 4096], "bf16")));
  backend.kernels.run(fillNormal, { output: source!, seed: 1, deviation: 1 });
  const spans = Int32Array.of(0, 0, rows);
  const samples = await seconds(backend, () => backend.kernels.run(copySpans, { source: source!, destination: target!, spans }), 10);
  return (2 * rows * 8192) / median(samples) / 1e9;
}

function filledCache(backend: Backend, pool: PagePool, rows: Tensor, numLayers: number, sparseHeads: number): SequenceCache {
  const { numKeyValueHeads, headDim } = shape;
  const cache = new SequenceCache({ backend, numLayers, numKeyValueHeads, headDim, dtype: "bf16", pool });
  const modes = Array.from({ length: numKeyValueHeads }, (_, head) => (head < sparseHeads ? streaming : ({ kind: "full" } as const)));
  for (let layer = 0; layer < numLayers; layer++) {
    cache.append(layer, rows, rows);
    cache.settle(layer, modes);
  }
  cache.advance(rows.numRows);
  return cache;
}

async function attention(backend: Backend, tokens: number, batch: number, sparseHeads: number, copied: number): Promise<Figure[]> {
  using scope = new MemoryScope();
  const { numQueryHeads, numKeyValueHeads, headDim } = shape;
  const pool = scope.track(new PagePool({ backend, headDim, dtype: "bf16" }));
  const rows = scope.track(backend.allocate([tokens - 1, numKeyValueHeads, headDim], "bf16"));
  backend.kernels.run(fillNormal, { output: rows, seed: 2, deviation: 1 });
  const caches = Array.from({ length: batch }, () => scope.track(filledCache(backend, pool, rows, 1, sparseHeads)));
  const query = scope.track(backend.allocate([batch, numQueryHeads, headDim], "bf16"));
  backend.kernels.run(fillNormal, { output: query, seed: 3, deviation: 1 });
  const output = scope.track(backend.allocate(query.shape, "bf16"));
  const planBytes = backend.kernels.run(decodePlanBytes, { slots: batch, numLayers: 1, numKeyValueHeads });
  const tables = scope.track(new DecodeBatch({ backend, pool, slots: batch, numLayers: 1, numKeyValueHeads, planBytes }));
  tables.update(caches.map((cache) => ({ tokens: [0], cache })));
  const scale = headDim ** -0.5;
  backend.kernels.run(planDecode, { batch: tables });
  const run = () => backend.kernels.run(decodeAttention, { batch: tables, layer: 0, query, output, scale });
  run();
  const graph = scope.track(
    backend.capture!(() => {
      for (let i = 0; i < launches; i++) run();
    }),
  );
  const window = Math.min(tokens, 128 + 2048);
  const bytes = batch * 4 * headDim * (tokens * (numKeyValueHeads - sparseHeads) + window * sparseHeads);
  const count = Math.max(1, Math.ceil(2e-2 / (launches * (bytes / 2.5e12))));
  const inGraph = (await seconds(backend, () => graph.replay(), count)).map((time) => time / launches);
  for (const cache of caches) cache.countWritten(1);
  const sequences = caches.map((cache, start) => ({ start, length: 1, cache: cache.layer(0), routing: cache.decodePatterns(0) }));
  const fromHost = await seconds(backend, () => backend.kernels.run(hybridAttention, { query, output, sequences, scale }), count * launches);
  return [["in a graph", inGraph] as const, ["from the host", fromHost] as const].map(([where, samples]) => {
    const values = samples.map((time) => (100 * bytes) / time / 1e9 / copied);
    return figure({
      what: `attention ${where}, ${batch} x ${tokens}, ${sparseHeads} of 8 heads streaming`,
      unit: "% of a copy",
      ours: { name: "ours", best: Math.max(...values), median: median(values), samples: values.length },
      target: { bound: "at least", value: 85 },
      higherIsBetter: true,
      note: `${(median(samples) * 1e6).toFixed(1)} us, ${(bytes / median(samples) / 1e9).toFixed(0)} GB/s`,
    });
  });
}

/** Whole decode steps, tokens drawn on the device: greedy, and by temperature and top-p. */
async function steps(
  backend: Backend,
  name: string,
  options: Parameters<Benchmark["run"]>[0],
  add: (found: Figure) => void,
  progress: (line: string) => void,
): Promise<void> {
  const lengths = options.caches ?? [options.tiny ? 200 : 32_768];
  const spec = publishedShape(name, Math.max(...lengths) + 1024);
  using scope = new MemoryScope();
  const model = scope.track(DecoderModel.random({ backend, spec, dtype: "bf16" }));
  await backend.synchronize();
  progress(`${name}: ${(model.weightBytes / 1e9).toFixed(2)} GB of weights`);
  const { numLayers, numKeyValueHeads, headDim } = spec;
  for (const tokens of lengths) {
    for (const batch of options.batches ?? (options.tiny ? [1, 2] : [1, 16])) {
      for (const sparse of [0, 0.75]) {
        using own = new MemoryScope();
        const bytes = 4 * headDim * numLayers * numKeyValueHeads * (tokens * (1 - sparse) + Math.min(tokens, 2304) * sparse);
        if (model.weightBytes + batch * bytes > 0.95 * backend.device.memoryBytes) {
          progress(`${batch} x ${tokens}, MSR ${sparse}: ${(batch * bytes / 1e9).toFixed(1)} GB of keys and values do not fit`);
          continue;
        }
        const rows = own.track(backend.allocate([tokens, numKeyValueHeads, headDim], "bf16"));
        backend.kernels.run(fillNormal, { output: rows, seed: 4, deviation: 1 });
        const caches = Array.from({ length: batch }, () => {
          const cache = own.track(model.createCache());
          const modes = Array.from({ length: numKeyValueHeads }, (_, head) => (head < sparse * numKeyValueHeads ? streaming : ({ kind: "full" } as const)));
          for (let layer = 0; layer < numLayers; layer++) {
            cache.append(layer, rows, rows);
            cache.settle(layer, modes);
          }
          cache.advance(tokens);
          return cache;
        });
        for (const [kind, parameters] of [["greedy", {}], ["sampled", { temperature: 0.8, topP: 0.95 }]] as const) {
          const samplers = caches.map((_, seed) => own.track(new TokenSampler(backend, spec.vocabularySize, { ...parameters, seed })));
          let next: ArrayLike<number> = caches.map(() => 1);
          const step = () => {
            const begin = performance.now();
            next = model.decodeTokens(next, caches, samplers);
            return (performance.now() - begin) / 1000;
          };
          for (let i = 0; i < 3; i++) step();
          const samples = Array.from({ length: options.tiny ? 3 : 24 }, step);
          const values = samples.map((time) => time * 1000);
          add(figure({
            what: `${name} step, ${batch} x ${tokens}, MSR ${sparse}, ${kind}`,
            unit: "ms",
            ours: { name: "ours", best: Math.min(...values), median: median(values), samples: values.length },
            higherIsBetter: false,
            note: `${((1000 * batch) / median(values)).toFixed(0)} tokens/s`,
          }));
        }
      }
    }
  }
}
