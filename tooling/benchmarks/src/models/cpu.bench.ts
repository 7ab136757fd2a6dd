import { basename } from "node:path";
import { MemoryScope } from "@elastic-attention/core";
import { availableInstructionSets, createCpuBackend, type CpuBackend, type InstructionSet, loadAddon, measureProductRate } from "@elastic-attention/cpu";
import { registerLlama } from "@elastic-attention/model-llama";
import { registerQwen } from "@elastic-attention/model-qwen";
import { PretrainedModel, publishedSizes, TokenSampler } from "@elastic-attention/transformer";
import type { Benchmark, BenchmarkResult } from "../benchmark.js";
import type { BenchmarkOptions } from "../command-line.js";
import { alternate, type Contender, timed } from "../figures/contenders.js";
import { type Figure, figure } from "../figures/figure.js";
import { rate, type Summary } from "../figures/statistics.js";
import { LlamaCppPeer, llamaCppMissing } from "../peers/llama-cpp-peer.js";
import { randomGguf } from "../peers/random-gguf.js";
import { modelShape } from "../random-models/model-shape.js";
import { routedHeads } from "../workloads/routed-heads.js";
import { readBandwidth } from "../workloads/read-bandwidth.js";

const sparsity = 0.75;
const decodeSteps = 24;

/** What ours is meant to reach over llama.cpp at AVX2 with SmolLM2 in Q4_1, by prompt length: prefill, decode after it. */
const targets: Readonly<Record<number, readonly [prefill: number, decode: number]>> = { 512: [1.5, 1.1], 2048: [2, 1.1], 7400: [1.8, 1.4] };

export const benchmark: Benchmark = {
  description: "One GGUF file at one level of the processor (--model, --level): prefill and decode beside llama.cpp at the same level",
  async run(options, progress) {
    registerLlama();
    registerQwen();
    const level = chosenLevel(options);
    const path = options.model ?? randomGguf(modelShape(options.tiny ? "tiny" : "small"), "q8_0", progress);
    const missing = options.peers ? llamaCppMissing() : "llama.cpp was left out (--no-peers).";
    using scope = new MemoryScope();
    const backend = scope.track(createCpuBackend({ threads: options.threads, instructionSet: level }));
    progress(`loading ${basename(path)} at ${level}`);
    const model = scope.track(await PretrainedModel.open({ path, backend, weights: "automatic" }));
    const lengths = options.tokens ?? (options.tiny ? [64] : [512, 2048]);
    const contextSize = Math.max(...lengths) + decodeSteps + 256;
    const peer = missing === undefined ? scope.track(await LlamaCppPeer.open({ path, name: `llama.cpp (${level})`, level, threads: options.threads, contextSize })) : undefined;
    const figures = machineFigures(backend, options.threads);
    for (const tokens of lengths) figures.push(...(await measureLength(model, peer, tokens, { ...options, isGoal: options.model !== undefined && level === "avx2" }, progress)));
    return result(figures, model, level, missing);
  },
};

function chosenLevel({ level }: BenchmarkOptions): InstructionSet {
  const available = availableInstructionSets(loadAddon());
  const chosen = level === undefined ? available.at(-1) : available.find((each) => each === level);
  if (chosen === undefined) throw new RangeError(`--level must be one of ${available.join(", ")} here, found "${level}".`);
  return chosen;
}

/** What the machine gives at this hour: a figure that stays below it says nothing of the code. */
function machineFigures(backend: CpuBackend, threads: number): Figure[] {
  const summary = (name: string, value: number): Summary => ({ name, best: value, median: value, samples: 1 });
  return [
    figure({ what: "memory read", unit: "GB/s", ours: summary("ours", readBandwidth(backend) / 1e9), higherIsBetter: true }),
    figure({ what: "bf16 product, 256 rows", unit: "GFLOP/s", ours: summary("ours", measureProductRate(backend.instructionSet, threads) / 1e9), higherIsBetter: true }),
  ];
}

async function measureLength(
  model: PretrainedModel,
  peer: LlamaCppPeer | undefined,
  count: number,
  options: BenchmarkOptions & { readonly isGoal: boolean },
  progress: (line: string) => void,
): Promise<Figure[]> {
  const { vocabularySize } = model.spec;
  const tokens = Array.from({ length: count }, (_, i) => 100 + ((i * 7919) % Math.max(1, vocabularySize - 200)));
  const router = routedHeads(model.spec, sparsity, publishedSizes);
  progress(`${count} tokens`);
  // A prompt and its answer are one round of a side; their times are told apart.
  const decodes = new Map<string, number[]>();
  const side = (name: string, round: () => Promise<readonly [prefill: number, decode: number]>): Contender => ({
    name,
    async round() {
      const [prefill, decode] = await round();
      decodes.set(name, [...(decodes.get(name) ?? []), decode]);
      return [prefill];
    },
  });
  const contenders = [
    side("full", () => ownRound(model, tokens)),
    side("routed", () => ownRound(model, tokens, router)),
    ...(peer === undefined ? [] : [side("peer", async () => [await peer.prefill(tokens), (await peer.decode(tokens[0]!, decodeSteps)).seconds] as const)]),
  ];
  await alternate(contenders, 1);
  decodes.clear();
  const samples = await alternate(contenders, options.rounds ?? (options.tiny ? 2 : 5), progress);
  const [prefillGoal, decodeGoal] = (options.isGoal ? targets[count] : undefined) ?? [];
  const figures = (["full", "routed"] as const).flatMap((name) => {
    const mode = name === "full" ? "every head full" : `MSR ${sparsity}`;
    const goal = (value: number | undefined) => (value === undefined || name !== "full" ? {} : { target: { bound: "at least", value } as const, targetIsRatio: true });
    const theirs = (seconds: readonly number[] | undefined, amount: number) => (seconds === undefined ? undefined : rate(peer!.name, seconds, amount));
    return [
      figure({ what: `prefill of ${count}, ${mode}`, unit: "tokens/s", ours: rate("ours", samples.get(name)!, count), peer: theirs(samples.get("peer"), count), ...goal(prefillGoal), higherIsBetter: true }),
      figure({ what: `decode after ${count}, ${mode}`, unit: "tokens/s", ours: rate("ours", decodes.get(name)!, decodeSteps), peer: theirs(decodes.get("peer"), decodeSteps), ...goal(decodeGoal), higherIsBetter: true }),
    ];
  });
  return figures.map((each) => ({ ...each, note: `ours from ${spread(samples, each)}` }));
}

/** How far apart the rounds are: from the slowest to the fastest prefill. */
function spread(samples: ReadonlyMap<string, readonly number[]>, { what }: Figure): string {
  const seconds = samples.get(what.includes("MSR") ? "routed" : "full")!;
  return `${Math.min(...seconds).toFixed(3)} to ${Math.max(...seconds).toFixed(3)} s a prefill in ${seconds.length} rounds`;
}

async function ownRound(model: PretrainedModel, tokens: readonly number[], router?: ReturnType<typeof routedHeads>): Promise<readonly [number, number]> {
  const { decoder } = model;
  using cache = decoder.createCache({ reserveTokens: decodeSteps, paged: false });
  const prefill = await timed(async () => {
    const { logits } = await decoder.prefill({ sequences: [router === undefined ? { tokens, cache } : { tokens, cache, router }] });
    logits.dispose();
  });
  using greedy = new TokenSampler(decoder.backend, decoder.spec.vocabularySize);
  const decode = await timed(() => {
    for (let step = 0, token = tokens[0]!; step < decodeSteps; step++) token = decoder.decodeTokens([token], [cache], [greedy])[0]!;
  });
  return [prefill, decode];
}

function result(figures: readonly Figure[], model: PretrainedModel, level: string, missing: string | undefined): BenchmarkResult {
  const notes = [
    `Level ${level}; weights ${model.weights}, computed in ${model.decoder.dtype}; llama.cpp at the same level, its other libraries left out of a copy.`,
    `MSR ${sparsity}: full and streaming heads, ${publishedSizes.sinkTokens} sink and ${publishedSizes.localTokens} local tokens, the same share in every layer.`,
  ];
  return { figures, notes: missing === undefined ? notes : [...notes, missing] };
}
