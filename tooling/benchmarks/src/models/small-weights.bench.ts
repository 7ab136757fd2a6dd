import type { CacheType } from "@elastic-attention/attention";
import { MemoryScope } from "@elastic-attention/core";
import { fillNormal, linear, packLinear, quantiseLinear, type Backend } from "@elastic-attention/tensor";
import { DecoderModel, type ModelSpec, publishedSizes, TokenSampler } from "@elastic-attention/transformer";
import type { Benchmark } from "../benchmark.js";
import type { BenchmarkOptions } from "../command-line.js";
import { alternate, timed } from "../figures/contenders.js";
import { type Figure, figure } from "../figures/figure.js";
import { queuedSeconds } from "../figures/queued-seconds.js";
import { duration, median, rate } from "../figures/statistics.js";
import { publishedShape } from "../random-models/published-shapes.js";
import { filledCache } from "../workloads/filled-cache.js";
import { parseModeRequest, requestedRouter } from "../workloads/mode-request.js";
import { randomTokens } from "../workloads/random-tokens.js";
import { startBackend } from "../workloads/start-backend.js";

/** What weights are kept in, as `--weights` names it, and how many times faster than bf16 a decode step and a prefill are to be. */
interface Format {
  readonly name: string;
  readonly format?: string;
  readonly cacheType?: CacheType;
  readonly decode?: number;
  readonly prefill?: number;
}

const formats: readonly Format[] = [
  { name: "bf16" },
  { name: "fp8", format: "F8_E4M3", decode: 1.6, prefill: 1.25 },
  { name: "q4_k", format: "Q4_K", decode: 2.2 },
  { name: "q8_0", format: "Q8_0" },
];

/** Many sequences with long caches: keys and values are most of what a step reads. */
const cacheFormats: readonly Format[] = [
  { name: "bf16" },
  { name: "fp8 cache", cacheType: "fp8", decode: 1.7 },
  { name: "fp8 cache and weights", format: "F8_E4M3", cacheType: "fp8" },
];
const [manySequences, longCache] = [16, 32_768];

export const benchmark: Benchmark = {
  description: "Weights in fp8, 8 and 4 bits against bf16: products of few rows, decode steps, a prefill (cuda)",
  async run(options, progress) {
    using backend = await startBackend(options);
    const figures: Figure[] = [];
    const add = (found: Figure) => {
      figures.push(found);
      progress(`${found.what}: ${found.ours.median.toPrecision(4)} ${found.unit}${found.ratio === undefined ? "" : `, ${found.ratio.median.toFixed(2)}x`}${found.note === undefined ? "" : ` (${found.note})`}`);
    };
    const wanted = formats.filter(({ name }) => name === "bf16" || (options.types?.includes(name) ?? (!options.tiny || name !== "q4_k")));
    if (options.detail === true) await products(backend, wanted, options, add);
    for (const name of options.tiny ? ["tiny"] : (options.shapes ?? ["llama-3.1-8b"])) await measureShape(backend, name, wanted, options, add, progress);
    return { figures, notes: [`Random weights on ${backend.device.description}; activations, and what is not told, in bf16. Sides take turns.`] };
  },
};

/** Products of few rows by themselves: bytes of weights a second. */
async function products(backend: Backend, wanted: readonly Format[], { tiny }: BenchmarkOptions, add: (found: Figure) => void): Promise<void> {
  const [outputs, inputs] = tiny ? [512, 512] : [28_672, 4096];
  for (const rows of [1, 8, 16, 64]) {
    for (const { name, format } of wanted) {
      using scope = new MemoryScope();
      using matrix = backend.allocate([outputs, inputs], "bf16");
      backend.kernels.run(fillNormal, { output: matrix, seed: 1, deviation: 0.02 });
      // Several of them, so that none is found in the cache.
      const make = () => scope.track(format === undefined ? backend.kernels.run(packLinear, { weights: [matrix], dtype: "bf16" }) : backend.kernels.run(quantiseLinear, { weights: [matrix], format }));
      const weights = Array.from({ length: 4 }, make);
      const input = scope.track(backend.allocate([rows, inputs], "bf16"));
      backend.kernels.run(fillNormal, { output: input, seed: 2, deviation: 1 });
      const output = scope.track(backend.allocate([rows, outputs], "bf16"));
      const run = () => {
        for (const weight of weights) backend.kernels.run(linear, { input, weight, output });
      };
      run();
      const seconds = (await queuedSeconds(backend, run, tiny ? 2 : 20, 5)).map((time) => time / weights.length);
      add(figure({ what: `product of ${rows} rows by [${outputs}, ${inputs}], ${name}`, unit: "GB/s", ours: rate("ours", seconds, weights[0]!.byteLength / 1e9), higherIsBetter: true, note: `${(1e6 * median(seconds)).toFixed(1)} us` }));
    }
  }
}

async function measureShape(
  backend: Backend,
  name: string,
  wanted: readonly Format[],
  options: BenchmarkOptions,
  add: (found: Figure) => void,
  progress: (line: string) => void,
): Promise<void> {
  const tokens = options.tokens?.[0] ?? (options.tiny ? 300 : 131_072);
  const cacheTokens = options.caches?.[0] ?? (options.tiny ? 200 : 2048);
  const whole = publishedShape(name, Math.max(tokens, cacheTokens) + 1024);
  const spec = options.layers === undefined ? whole : { ...whole, numLayers: Math.min(options.layers, whole.numLayers) };
  const rounds = options.rounds ?? (options.tiny ? 1 : 3);
  {
    // One after another: the caches of two do not fit beside each other.
    const [sequences, length] = options.tiny ? [2, 200] : [manySequences, longCache];
    const samples = new Map<string, readonly number[]>();
    for (const each of cacheFormats) {
      using scope = new MemoryScope();
      const { step } = decoding(modelOf(backend, spec, each, scope), sequences, length, scope);
      samples.set(each.name, await manySteps(step, options.tiny ? 2 : 24));
    }
    compare(`${name}, decode, ${sequences} x ${length}`, "ms", 0.001, cacheFormats, samples, options.tiny ? undefined : "decode", add);
  }
  using scope = new MemoryScope();
  const models = wanted.map((each) => {
    const model = modelOf(backend, spec, each, scope);
    progress(`${name}, ${each.name}: ${(model.weightBytes / 1e9).toFixed(2)} GB of weights`);
    return { ...each, model };
  });
  for (const batch of options.batches ?? [1]) {
    const sides = models.map((each) => {
      const { step } = decoding(each.model, batch, cacheTokens, scope);
      return { name: each.name, round: () => manySteps(step, options.tiny ? 2 : 12) };
    });
    const samples = await alternate(sides, rounds);
    compare(`${name}, decode, ${batch} x ${cacheTokens}`, "ms", 0.001, models, samples, options.tiny ? undefined : "decode", add);
  }
  const mode = parseModeRequest(options.modes?.[0] ?? "fa-ssa:0.70");
  const router = requestedRouter(mode, backend, spec, publishedSizes, scope);
  const ids = randomTokens(spec, tokens);
  const sides = models
    .filter(({ name }) => name === "bf16" || name === "fp8")
    .map(({ name, model }) => ({
      name,
      round: async () => {
        using cache = model.createCache({ paged: false });
        const seconds = await timed(async () => {
          const result = await model.prefill({ sequences: [router === undefined ? { tokens: ids, cache } : { tokens: ids, cache, router }] });
          result.logits.dispose();
          await backend.synchronize();
        });
        return [seconds];
      },
    }));
  for (const side of sides) await side.round();
  compare(`${name}, prefill ${tokens}, ${mode.label}`, "s", 1, models, await alternate(sides, rounds), options.tiny ? undefined : "prefill", add);
}

function modelOf(backend: Backend, spec: ModelSpec, { format, cacheType }: Format, scope: MemoryScope): DecoderModel {
  const weightFormat = format === undefined ? {} : { weightFormat: format };
  return scope.track(DecoderModel.random({ backend, spec, dtype: "bf16", cacheType, ...weightFormat }));
}

/** Warm greedy steps of sequences whose caches are filled. */
function decoding(model: DecoderModel, sequences: number, cacheTokens: number, scope: MemoryScope) {
  const caches = Array.from({ length: sequences }, () => scope.track(filledCache(model, cacheTokens, 64, undefined)));
  const samplers = caches.map((_, seed) => scope.track(new TokenSampler(model.backend, model.spec.vocabularySize, { seed })));
  let ids: ArrayLike<number> = new Int32Array(sequences).fill(7);
  const step = () => {
    ids = model.decodeTokens(ids, caches, samplers);
  };
  for (let warmUp = 0; warmUp < 4; warmUp++) step();
  return { step };
}

async function manySteps(step: () => void, count: number): Promise<readonly number[]> {
  const seconds: number[] = [];
  for (let i = 0; i < count; i++) seconds.push(await timed(step));
  return seconds;
}

/** Each side's time beside that of bf16. */
function compare(
  what: string,
  unit: string,
  unitSeconds: number,
  wanted: readonly Format[],
  samples: ReadonlyMap<string, readonly number[]>,
  /** Undefined: there is no target. */
  kind: "decode" | "prefill" | undefined,
  add: (found: Figure) => void,
): void {
  const peer = duration("bf16", samples.get("bf16")!, unitSeconds);
  for (const each of wanted) {
    const seconds = samples.get(each.name);
    if (seconds === undefined) continue;
    const ours = duration(each.name, seconds, unitSeconds);
    const value = kind === undefined ? undefined : each[kind];
    const target = value === undefined ? {} : { target: { bound: "at least", value } as const, targetIsRatio: true };
    add(figure({ what: `${what}, ${each.name}`, unit, ours, ...(each.name === "bf16" ? {} : { peer, ...target }), higherIsBetter: false }));
  }
}
