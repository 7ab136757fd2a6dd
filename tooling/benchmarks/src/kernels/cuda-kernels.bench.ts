import { MemoryScope } from "@elastic-attention/core";
import { type AttentionMode, fullPatterns, hybridAttention, SequenceCache, xattentionEstimate } from "@elastic-attention/attention";
import { routerLogits } from "@elastic-attention/router";
import { type Backend, createBackend, linear, packLinear, registerBackend, type Tensor } from "@elastic-attention/tensor";
import { cudaProvider } from "@elastic-attention/cuda";
import type { Benchmark } from "../benchmark.js";
import { type Figure, figure } from "../figures/figure.js";
import { queuedSeconds } from "../figures/queued-seconds.js";
import { randomRouter } from "../random-models/random-router.js";
import { type Summary, median } from "../figures/statistics.js";

/** The attention of Llama-3.1-8B. */
export const shape = { numQueryHeads: 32, numKeyValueHeads: 8, headDim: 128 } as const;
const streaming: AttentionMode = { kind: "streaming", sinkTokens: 128, localTokens: 2048, blockSize: 128 };

export const benchmark: Benchmark = {
  description: "Kernels of the cuda backend: attention, decoding, XAttention's estimate, router, products (one GPU)",
  async run(options, progress) {
    registerBackend(cudaProvider);
    using backend = await createBackend("cuda");
    const figures: Figure[] = [];
    for (const tokens of options.tokens ?? (options.tiny ? [2048] : [65_536, 131_072])) {
      progress(`${tokens} tokens`);
      figures.push(...(await prefill(backend, tokens)));
      for (const batch of options.tiny ? [1] : [1, 16]) {
        if (batch * tokens > 2 ** 21) continue;
        for (const sparseHeads of [0, 6]) figures.push(await decode(backend, tokens, batch, sparseHeads));
      }
    }
    for (const tokens of options.tiny ? [512] : [512, 32_768, 131_072]) figures.push(...(await router(backend, tokens)));
    figures.push(await routerBehindProjection(backend));
    for (const [rows, inputs, outputs] of options.tiny ? [[256, 256, 256]] : [[8192, 4096, 28_672], [8192, 8192, 8192], [8192, 14_336, 4096]]) {
      figures.push(await product(backend, rows!, inputs!, outputs!));
    }
    return { figures, notes: ["times are of queued work, host time hidden where the device is slower"] };
  },
};

/** {@link queuedSeconds} of a warm call, with as many queued as take 50 ms. */
export async function seconds(backend: Backend, run: () => void, rounds = 5): Promise<number[]> {
  run();
  await backend.synchronize();
  const start = performance.now();
  run();
  await backend.synchronize();
  const count = Math.max(1, Math.min(200, Math.ceil(50 / (performance.now() - start))));
  return queuedSeconds(backend, run, count, rounds);
}

export function summary(name: string, samples: readonly number[], value: (seconds: number) => number): Summary {
  const values = samples.map(value);
  return { name, best: value(Math.min(...samples)), median: median(values), samples: samples.length };
}

/** Roughly normal bf16 values, a million of them repeated. */
function randomRows(backend: Backend, scope: MemoryScope, dimensions: readonly number[]): Tensor {
  const length = dimensions.reduce((product, size) => product * size, 1);
  const values = new Uint16Array(length);
  const known = Math.min(length, 1_048_573);
  for (let i = 0; i < known; i++) {
    const value = Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
    values[i] = new Uint32Array(Float32Array.of(value).buffer)[0]! >>> 16;
  }
  for (let at = known; at < length; at *= 2) values.copyWithin(at, 0, Math.min(at, length - at));
  return scope.track(backend.upload(values, dimensions, "bf16"));
}

function filledCache(backend: Backend, scope: MemoryScope, rows: Tensor, sparseHeads: number): SequenceCache {
  const { numKeyValueHeads, headDim } = shape;
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads, headDim, dtype: "bf16" }));
  const tokens = rows.numRows / 2;
  cache.append(0, rows.rows(0, tokens), rows.rows(tokens, 2 * tokens));
  const modes = Array.from({ length: numKeyValueHeads }, (_, head) => (head < sparseHeads ? streaming : ({ kind: "full" } as const)));
  if (sparseHeads > 0) cache.settle(0, modes);
  return cache;
}

async function prefill(backend: Backend, tokens: number): Promise<Figure[]> {
  using scope = new MemoryScope();
  const { numQueryHeads, numKeyValueHeads, headDim } = shape;
  const rows = randomRows(backend, scope, [2 * tokens, numKeyValueHeads, headDim]);
  const cache = filledCache(backend, scope, rows, 0);
  const query = randomRows(backend, scope, [tokens, numQueryHeads, headDim]);
  const output = scope.track(backend.allocate(query.shape, "bf16"));
  const routing = fullPatterns(numKeyValueHeads);
  const sequences = [{ start: 0, length: tokens, cache: cache.layer(0), routing }];
  const attention = await seconds(backend, () => backend.kernels.run(hybridAttention, { query, output, sequences, scale: headDim ** -0.5 }), 3);
  const mode = { kind: "xattention", stride: 16, threshold: 0.9, blockSize: 128 } as const;
  const heads = routing.patterns.map((_, head) => head);
  const estimate = await seconds(
    backend,
    () => backend.kernels.run(xattentionEstimate, { query, cache: cache.layer(0), keyValueHeads: heads, mode })[Symbol.dispose](),
    3,
  );
  const operations = 2 * tokens * tokens * numQueryHeads * headDim;
  return [
    figure({ what: `full attention, ${tokens}`, unit: "TFLOP/s", ours: summary("ours", attention, (s) => operations / s / 1e12), higherIsBetter: true }),
    figure({
      what: `XAttention estimate, ${tokens}, share of full attention`,
      unit: "%",
      ours: summary("ours", estimate, (s) => (100 * s) / median(attention)),
      target: { bound: "at most", value: 7 },
      higherIsBetter: false,
    }),
  ];
}

async function decode(backend: Backend, tokens: number, batch: number, sparseHeads: number): Promise<Figure> {
  using scope = new MemoryScope();
  const { numQueryHeads, numKeyValueHeads, headDim } = shape;
  const rows = randomRows(backend, scope, [2 * tokens, numKeyValueHeads, headDim]);
  const caches = Array.from({ length: batch }, () => filledCache(backend, scope, rows, sparseHeads));
  const query = randomRows(backend, scope, [batch, numQueryHeads, headDim]);
  const output = scope.track(backend.allocate(query.shape, "bf16"));
  const sequences = caches.map((cache, start) => ({ start, length: 1, cache: cache.layer(0), routing: cache.decodePatterns(0) }));
  const samples = await seconds(backend, () => backend.kernels.run(hybridAttention, { query, output, sequences, scale: headDim ** -0.5 }));
  const bytes = caches.reduce((sum, cache) => sum + cache.byteLength, 0);
  return figure({
    what: `decoding, ${batch} x ${tokens}, ${sparseHeads} of 8 heads streaming`,
    unit: "GB/s",
    ours: summary("ours", samples, (s) => bytes / s / 1e9),
    higherIsBetter: true,
    note: `${(median(samples) * 1e6).toFixed(0)} us`,
  });
}

/** One layer's router: launches in a graph, and queued one by one. */
async function router(backend: Backend, tokens: number): Promise<Figure[]> {
  using scope = new MemoryScope();
  const keys = randomRows(backend, scope, [tokens, shape.numKeyValueHeads, shape.headDim]);
  const run = routerOf(backend, scope, keys);
  return [routerFigure(`in a graph, ${tokens}`, await inGraph(backend, run)), routerFigure(`from the host, ${tokens}`, await seconds(backend, run))];
}

/** What the router adds to the projection that makes its keys, in a graph. */
async function routerBehindProjection(backend: Backend): Promise<Figure> {
  using scope = new MemoryScope();
  const projection = projectedKeys(backend, scope);
  const run = routerOf(backend, scope, projection.keys);
  const alone = median(await inGraph(backend, projection.run));
  const both = await inGraph(backend, () => {
    projection.run();
    run();
  });
  const ours = summary("ours", both, (s) => (s - alone) * 1e6);
  return figure({ what: `router behind its projection, ${projection.keys.numRows}`, unit: "us", ours, higherIsBetter: false });
}

function routerOf(backend: Backend, scope: MemoryScope, keys: Tensor): () => void {
  const weights = scope.track(randomRouter(backend, shape.headDim, 0));
  const output = scope.track(backend.allocate([1, shape.numKeyValueHeads, weights.classes], "f32"));
  const pooling = { kind: "boundary", tokens: 100 } as const;
  return () => backend.kernels.run(routerLogits, { keys, offsets: [0, keys.numRows], weights, pooling, rounding: "float32", output });
}

function routerFigure(where: string, samples: readonly number[]): Figure {
  const ours = summary("ours", samples, (s) => s * 1e6);
  return figure({ what: `router ${where}`, unit: "us", ours, target: { bound: "at most", value: 12 }, higherIsBetter: false });
}

/** The fused projection of 512 tokens, and the keys among its columns. */
function projectedKeys(backend: Backend, scope: MemoryScope): { run: () => void; keys: Tensor } {
  const { numQueryHeads, numKeyValueHeads, headDim } = shape;
  const [rows, inputs, outputs] = [512, numQueryHeads * headDim, (numQueryHeads + 2 * numKeyValueHeads) * headDim];
  const weight = scope.track(backend.kernels.run(packLinear, { weights: [randomRows(backend, scope, [outputs, inputs])], dtype: "bf16" }));
  const input = randomRows(backend, scope, [rows, inputs]);
  const output = scope.track(backend.allocate([rows, outputs], "bf16"));
  const firstKey = numQueryHeads * headDim;
  return {
    run: () => backend.kernels.run(linear, { input, weight, output }),
    keys: output.columns(firstKey, firstKey + numKeyValueHeads * headDim).reshape([rows, numKeyValueHeads, headDim]),
  };
}

/** Seconds of one of 32 steps that a graph repeats. */
async function inGraph(backend: Backend, step: () => void): Promise<number[]> {
  const steps = 32;
  step();
  using graph = backend.capture!(() => {
    for (let i = 0; i < steps; i++) step();
  });
  return (await seconds(backend, () => graph.replay())).map((time) => time / steps);
}

async function product(backend: Backend, rows: number, inputs: number, outputs: number): Promise<Figure> {
  using scope = new MemoryScope();
  const weight = scope.track(backend.kernels.run(packLinear, { weights: [randomRows(backend, scope, [outputs, inputs])], dtype: "bf16" }));
  const input = randomRows(backend, scope, [rows, inputs]);
  const output = scope.track(backend.allocate([rows, outputs], "bf16"));
  const samples = await seconds(backend, () => backend.kernels.run(linear, { input, weight, output }));
  return figure({
    what: `product ${rows} x ${inputs} x ${outputs}`,
    unit: "TFLOP/s",
    ours: summary("ours", samples, (s) => (2 * rows * inputs * outputs) / s / 1e12),
    higherIsBetter: true,
  });
}
