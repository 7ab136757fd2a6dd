import { InvalidOptionError, MemoryScope } from "@elastic-attention/core";
import { type HeadList, type Router, StaticRouter } from "@elastic-attention/router";
import { allReduce, type Backend, type RankGroup } from "@elastic-attention/tensor";
import { type DecoderModel, elasticModes, joinRanks, type ModelSpec, PretrainedModel, publishedSizes, shardModel, TokenSampler } from "@elastic-attention/transformer";
import type { Benchmark } from "../benchmark.js";
import { predict, type ShareSeconds, type SumFigures } from "../cards/cost-model.js";
import { loneShare } from "../cards/lone-share.js";
import { enterRanks, ownRank, startRanks } from "../cards/rank-processes.js";
import type { BenchmarkOptions } from "../command-line.js";
import { timed } from "../figures/contenders.js";
import { type Figure, figure } from "../figures/figure.js";
import { duration, median } from "../figures/statistics.js";
import { publishedShape } from "../random-models/published-shapes.js";
import { randomTokens } from "../workloads/random-tokens.js";
import { startBackend } from "../workloads/start-backend.js";

/** Full heads of 8 in a layer at MSR 0.70, to within one head: on the first ranks alone, and on all alike. */
const sparsity = 0.7;
const plans = ["full", "worst", "even"] as const;
type Plan = (typeof plans)[number];

interface Measured {
  readonly prefill: Readonly<Record<Plan, number>>;
  readonly decode: number;
}

export const benchmark: Benchmark = {
  description: "A published shape on several cards (--gpus) against one, and what a cost model predicts for more",
  async run(options, progress) {
    const { spec, tokens, cache, gpus } = workload(options);
    const own = ownRank();
    if (own !== undefined) {
      const ranks = enterRanks(own);
      using backend = await startBackend(options);
      sumSeconds(backend, ranks, spec.hiddenSize);
      using model = PretrainedModel.random({ backend, spec, dtype: "bf16", ranks });
      model.follow(ranks);
      return { figures: [], notes: [] };
    }
    using backend = await startBackend(options);
    const rounds = options.rounds ?? 2;
    const chunkRows = backend.device.workSizes.chunkRows;
    const together = gpus < 2 ? undefined : await measuredTogether(backend, spec, gpus, { tokens, cache, rounds }, progress);
    progress(`one card: ${backend.device.description}`);
    const one = await measured(backend, spec, undefined, { tokens, cache, rounds });
    progress(`one card: ${JSON.stringify(one)}`);
    const shares: ShareSeconds[] = [{ ranks: 1, prefill: one.prefill.even, decode: one.decode }];
    for (const ranks of options.detail === true ? [2, 4, 8, 16].filter((size) => canShare(spec, size)) : []) {
      using model = loneShare(backend, spec, ranks);
      const lone = { model, tokens, cache, rounds };
      shares.push({ ranks, prefill: await prefillSeconds(lone, busiestPlan(spec, ranks)), decode: await decodeSeconds(lone) });
      progress(`a share of ${ranks}: ${JSON.stringify(shares.at(-1))}`);
    }
    if (together === undefined) return { figures: predictions(shares, undefined, spec, { tokens, one, chunkRows }), notes: ["One card: nothing to compare."] };
    const { several, sums } = together;
    const figures = plans.map((plan) => compared(`prefill ${tokens}, ${plan === "full" ? "full" : `MSR ${sparsity}, ${plan} plan`}`, gpus, several.prefill[plan], one.prefill[plan]));
    figures.push(compared(`decode, cache ${cache}`, gpus, several.decode, one.decode));
    figures.push(...predictions(shares, sums, spec, { tokens, one, several, gpus, chunkRows }));
    return { figures, notes: [`Random weights in bf16 on ${gpus} of ${backend.device.description}; the worst plan has its full heads on the first cards.`] };
  },
};

/** The first rank's part; the others start the same program. */
async function measuredTogether(backend: Backend, spec: ModelSpec, gpus: number, sizes: Sizes, progress: (line: string) => void) {
  const { ranks } = startRanks(gpus);
  const { problem, ...sums } = sumSeconds(backend, ranks, spec.hiddenSize);
  if (problem !== undefined) progress(`Sums go through the host's memory: ${problem}`);
  progress(`a sum of ${2 * spec.hiddenSize} bytes ${(sums.latency * 1e6).toFixed(1)} us, large ones ${(sums.bandwidth / 1e9).toFixed(1)} GB/s`);
  const several = await measured(backend, spec, ranks, sizes);
  ranks[Symbol.dispose]();
  progress(`${gpus} cards: ${JSON.stringify(several)}`);
  return { several, sums };
}

function workload(options: BenchmarkOptions) {
  const [tokens, cache] = [options.tokens?.[0] ?? (options.tiny ? 300 : 131072), options.caches?.[0] ?? (options.tiny ? 200 : 32768)];
  const whole = publishedShape(options.tiny ? "tiny" : (options.shapes?.[0] ?? "llama-3.1-8b"), Math.max(tokens, cache) + 1024);
  const numLayers = Math.min(options.layers ?? whole.numLayers, whole.numLayers);
  return { spec: { ...whole, numLayers, layers: whole.layers.slice(0, numLayers) }, tokens, cache, gpus: options.gpus ?? 1 };
}

function compared(what: string, gpus: number, seconds: number, oneCard: number): Figure {
  const [ours, peer] = [duration(`${gpus} cards`, [seconds], 1), duration("one card", [oneCard], 1)];
  return figure({ what, unit: "s", ours, peer, higherIsBetter: false });
}

interface Sizes {
  readonly tokens: number;
  readonly cache: number;
  readonly rounds: number;
}

async function measured(backend: Backend, spec: ModelSpec, ranks: RankGroup | undefined, sizes: Sizes): Promise<Measured> {
  using model = PretrainedModel.random({ backend, spec, dtype: "bf16", ...(ranks === undefined ? {} : { ranks }) });
  const parts = { model: model.decoder, ...sizes };
  await prefillSeconds({ ...parts, tokens: Math.min(2048, sizes.tokens), rounds: 1 }, undefined);
  const prefill: Record<Plan, number> = { full: 0, worst: 0, even: 0 };
  for (const plan of plans) prefill[plan] = await prefillSeconds(parts, planOf(spec, plan, ranks?.size ?? 2));
  return { prefill, decode: await decodeSeconds(parts) };
}

/** A plan of the whole model: its full heads are the first ones, or one on each rank in turn. */
function planOf(spec: ModelSpec, plan: Plan, ranks: number): Router | undefined {
  if (plan === "full") return undefined;
  const { numLayers, numKeyValueHeads: heads } = spec;
  const each = Math.max(1, heads / Math.min(heads, ranks));
  const place = (head: number) => (plan === "worst" ? head : (head % each) * (heads / each) + Math.floor(head / each));
  // Layers of one place differ, so that the model as a whole meets the share.
  const scores = Array.from({ length: numLayers }, (_, layer) => Array.from({ length: heads }, (__, head) => -place(head) - ((layer * 0.618) % 1)));
  const list: HeadList = { version: 1, description: `${plan} plan`, scores, sparsity };
  return new StaticRouter({ list, ...elasticModes("fa-ssa", publishedSizes) });
}

function canShare(spec: ModelSpec, ranks: number): boolean {
  try {
    return shardModel(spec, ranks).length === ranks;
  } catch (error) {
    if (InvalidOptionError.isInstance(error)) return false;
    throw error;
  }
}

/** The even plan as the busiest rank of each layer has it: the others wait for that one. */
function busiestPlan(spec: ModelSpec, ranks: number): Router {
  const { assignment } = planOf(spec, "even", ranks) as StaticRouter;
  const shards = shardModel(spec, ranks);
  const fullHeads = assignment.map((heads, layer) => Math.max(...shards.map(({ keyValueHeads }) => keyValueHeads[layer]!.filter((head) => heads[head] === 0).length)));
  const own = shards[0]!.keyValueHeads[0]!.length;
  const scores = fullHeads.map((count) => Array.from({ length: own }, (_, head) => (head < count ? 1 : 0)));
  const share = 1 - fullHeads.reduce((sum, count) => sum + count, 0) / (own * fullHeads.length);
  return new StaticRouter({ list: { version: 1, description: "the busiest rank of each layer", scores, sparsity: share }, ...elasticModes("fa-ssa", publishedSizes) });
}

interface Parts extends Sizes {
  readonly model: DecoderModel;
}

async function prefillSeconds({ model, tokens, rounds }: Parts, router: Router | undefined): Promise<number> {
  const ids = randomTokens(model.spec, tokens);
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) {
    using cache = model.createCache({ paged: false });
    await model.backend.synchronize();
    seconds.push(
      await timed(async () => {
        const { logits } = await model.prefill({ sequences: [router === undefined ? { tokens: ids, cache } : { tokens: ids, cache, router }] });
        logits.dispose();
        await model.backend.synchronize();
      }),
    );
  }
  return Math.min(...seconds);
}

/** Greedy steps of one sequence. */
async function decodeSeconds({ model, cache: length }: Parts): Promise<number> {
  using scope = new MemoryScope();
  const cache = scope.track(model.createCache({ reserveTokens: 64 }));
  const { logits } = await model.prefill({ sequences: [{ tokens: randomTokens(model.spec, length), cache }] });
  logits.dispose();
  const sampler = scope.track(new TokenSampler(model.backend, model.spec.vocabularySize, { seed: 1 }));
  let tokens: ArrayLike<number> = Int32Array.of(7);
  const seconds: number[] = [];
  for (let step = 0; step < 36; step++) {
    cache.makeRoom(1);
    seconds.push(await timed(() => void (tokens = model.decodeTokens(tokens, [cache], [sampler]))));
  }
  return median(seconds.slice(6));
}

/** All ranks call it at once. */
function sumSeconds(backend: Backend, ranks: RankGroup, hiddenSize: number): SumFigures & { readonly problem: string | undefined } {
  const problem = joinRanks(backend, ranks);
  using scope = new MemoryScope();
  const run = (count: number, repeats: number) => {
    const values = scope.track(backend.upload(new Uint16Array(count * hiddenSize), [count, hiddenSize], "bf16"));
    const once = () => backend.kernels.run(allReduce, { values, ranks });
    for (let warmUp = 0; warmUp < 3; warmUp++) once();
    values.rows(0, 1).download();
    const begun = performance.now();
    for (let repeat = 0; repeat < repeats; repeat++) once();
    values.rows(0, 1).download();
    return (performance.now() - begun) / 1000 / repeats;
  };
  const rows = problem === undefined ? 4096 : 64;
  const [latency, large] = [run(1, problem === undefined ? 200 : 5), run(rows, problem === undefined ? 20 : 2)];
  return { problem, latency, bandwidth: ((ranks.size - 1) * rows * hiddenSize * 2) / Math.max(1e-9, large - latency) };
}

interface Compared {
  readonly tokens: number;
  readonly chunkRows: number;
  readonly one: Measured;
  readonly several?: Measured;
  readonly gpus?: number;
}

/** What the model predicts over one card, beside what was measured where it was. */
function predictions(shares: readonly ShareSeconds[], sums: SumFigures | undefined, spec: ModelSpec, { tokens, chunkRows, one, several, gpus }: Compared): Figure[] {
  // Two H200s: eight kilobytes over NVLink, and copies from card to card.
  const assumed = sums ?? { latency: 12e-6, bandwidth: 372e9 };
  return shares.slice(1).flatMap((share) => {
    const { prefill, decode } = predict(share, assumed, { layers: spec.numLayers, hiddenSize: spec.hiddenSize, tokens, batch: 1, chunkRows });
    const row = (what: string, seconds: number, oneCard: number, found: number | undefined) =>
      figure({
        what: `${what}, ${share.ranks} cards, predicted`,
        unit: "s",
        ours: duration("predicted", [seconds], 1),
        peer: duration("one card", [oneCard], 1),
        higherIsBetter: false,
        note: found === undefined ? "not measured" : `${(100 * (seconds / found - 1)).toFixed(1)}% off what was measured`,
      });
    const found = share.ranks === gpus ? several : undefined;
    return [row(`prefill ${tokens}, even plan`, prefill, one.prefill.even, found?.prefill.even), row("decode", decode, one.decode, found?.decode)];
  });
}
