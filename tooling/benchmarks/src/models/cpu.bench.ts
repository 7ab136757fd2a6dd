import { statSync } from "node:fs";
import { basename } from "node:path";
import { MemoryScope } from "@elastic-attention/core";
import { availableInstructionSets, createCpuBackend, type InstructionSet, loadAddon } from "@elastic-attention/cpu";
import { registerLlama } from "@elastic-attention/model-llama";
import { registerQwen } from "@elastic-attention/model-qwen";
import type { Router } from "@elastic-attention/router";
import { PretrainedModel, publishedSizes, TokenSampler } from "@elastic-attention/transformer";
import type { Benchmark, BenchmarkResult } from "../benchmark.js";
import type { BenchmarkOptions } from "../command-line.js";
import { alternate, type Contender, timed } from "../figures/contenders.js";
import { type Figure, figure } from "../figures/figure.js";
import { duration, rate } from "../figures/statistics.js";
import { LlamaCppPeer, llamaCppMissing, parsePeerTypes } from "../peers/llama-cpp-peer.js";
import { randomGguf } from "../peers/random-gguf.js";
import { modelShape } from "../random-models/model-shape.js";
import { machineFigures, type MachineRates, measureMachine } from "../workloads/cpu-machine.js";
import { parseModeRequest, requestedRouter } from "../workloads/mode-request.js";

const decodeSteps = 24;
/** XAttention pays off in long prompts only. */
const leastXAttention = 4096;

/** Our modes, and what each is meant to reach over llama.cpp, by prompt length: prefill, decode after it. */
interface Mode {
  readonly label: string;
  readonly request: string;
  readonly goals: Readonly<Record<number, readonly [prefill: number, decode: number | undefined]>>;
}

/** At AVX2 with SmolLM2 in Q4_1. */
const smallModes: readonly Mode[] = [
  { label: "every head full", request: "full", goals: { 512: [1.5, 1.1], 2048: [2, 1.1], 7400: [1.8, 1.4] } },
  { label: "MSR 0.75", request: "fa-ssa:0.75", goals: { 7400: [3, 2] } },
  { label: "XAttention 0.75", request: "fa-xa:0.75", goals: { 7400: [2.6, undefined] } },
];
/** Of the 1B shape in Q8_0 and Q4_K at AVX-512 and AMX. */
const largeModes: readonly Mode[] = [
  { label: "every head full", request: "full", goals: { 2048: [1.8, 1.2], 16384: [4, 1.2] } },
  { label: "MSR 0.75", request: "fa-ssa:0.75", goals: { 16384: [6, undefined] } },
];
/** Of the machine's read bandwidth, where a Q8_0 model decodes that no cache holds. */
const bandwidthGoal = 0.8;
/** Of the file's size and that of keys and values, what a process may hold while it decodes. */
const residentGoal = 1.15;

/** What is measured, and which goals are those of its issue. */
interface Subject {
  readonly path: string;
  readonly modes: readonly Mode[];
  readonly hasGoals: boolean;
  readonly lengths: readonly number[];
  readonly readsMemory: boolean;
}

export const benchmark: Benchmark = {
  description: "One GGUF file (--model, or --shape with --types) at one level of the processor (--level): prefill and decode beside llama.cpp at the same level",
  async run(options, progress) {
    registerLlama();
    registerQwen();
    const level = chosenLevel(options);
    const subject = withModes(chosenSubject(options, level, progress), options.modes);
    const { path } = subject;
    const missing = options.peers ? llamaCppMissing() : "llama.cpp was left out (--no-peers).";
    using scope = new MemoryScope();
    const backend = scope.track(createCpuBackend({ threads: options.threads, instructionSet: level }));
    const machine = measureMachine(backend, options.threads, options.tiny);
    progress(`loading ${basename(path)} at ${level}`);
    const residentBefore = process.memoryUsage().rss;
    const start = performance.now();
    const model = scope.track(await PretrainedModel.open({ path, backend, weights: "automatic" }));
    const loading = (performance.now() - start) / 1000;
    const contextSize = Math.max(...subject.lengths) + decodeSteps + 256;
    const peer = missing === undefined ? scope.track(await LlamaCppPeer.open({ path, name: `llama.cpp (${level})`, level, threads: options.threads, contextSize })) : undefined;
    const figures = machineFigures(machine);
    figures.push(figure({ what: `loading ${basename(path)}`, unit: "s", ours: duration("ours", [loading], 1), peer: peer === undefined ? undefined : duration(peer.name, [peer.loadSeconds], 1), higherIsBetter: false }));
    const measured = { model, peer, machine, subject, rounds: options.rounds ?? (options.tiny ? 2 : 5) };
    for (const tokens of subject.lengths) figures.push(...(await measureLength(measured, tokens, progress)));
    figures.push(residentShare(model, path, contextSize, process.memoryUsage().rss - residentBefore));
    return result(figures, model, level, missing);
  },
};

function chosenLevel({ level }: BenchmarkOptions): InstructionSet {
  const available = availableInstructionSets(loadAddon());
  const chosen = level === undefined ? available.at(-1) : available.find((each) => each === level);
  if (chosen === undefined) throw new RangeError(`--level must be one of ${available.join(", ")} here, found "${level}".`);
  return chosen;
}

function chosenSubject(options: BenchmarkOptions, level: InstructionSet, progress: (line: string) => void): Subject {
  const { model, tokens } = options;
  if (model !== undefined) return { path: model, modes: smallModes, hasGoals: level === "avx2", lengths: tokens ?? [512, 2048, 7400], readsMemory: false };
  const shape = options.tiny ? "tiny" : (options.shapes?.[0] ?? "small");
  const [type] = parsePeerTypes(options.types ?? ["q8_0"]);
  const path = randomGguf(modelShape(shape), type!, progress);
  const large = shape === "1b";
  return { path, modes: large ? largeModes : smallModes, hasGoals: large && level !== "avx2", lengths: tokens ?? (options.tiny ? [64] : [512, 2048]), readsMemory: large && type === "q8_0" };
}

/** The subject with those of its modes that were asked for. @throws RangeError for one that it has not */
function withModes(subject: Subject, asked: readonly string[] | undefined): Subject {
  if (asked === undefined) return subject;
  const known = subject.modes.map(({ request }) => request);
  const unknown = asked.find((mode) => !known.includes(mode));
  if (unknown !== undefined) throw new RangeError(`--modes takes ${known.join(", ")} here, found "${unknown}".`);
  return { ...subject, modes: subject.modes.filter(({ request }) => asked.includes(request)) };
}

interface Measured {
  readonly model: PretrainedModel;
  readonly peer: LlamaCppPeer | undefined;
  readonly machine: MachineRates;
  readonly subject: Subject;
  readonly rounds: number;
}

async function measureLength({ model, peer, machine, subject, rounds }: Measured, count: number, progress: (line: string) => void): Promise<Figure[]> {
  const { vocabularySize } = model.spec;
  const tokens = Array.from({ length: count }, (_, i) => 100 + ((i * 7919) % Math.max(1, vocabularySize - 200)));
  const modes = subject.modes.filter(({ request }) => count >= leastXAttention || !request.includes("xa"));
  using routers = new MemoryScope();
  progress(`${count} tokens`);
  // A prompt and its answer are one round of a side; their times are told apart.
  const decodes = new Map<string, number[]>();
  const side = (name: string, round: (tokens: readonly number[]) => Promise<readonly [prefill: number, decode: number]>) => ({ name, run: round });
  const sides = [
    ...modes.map(({ label, request }) => {
      const router = requestedRouter(parseModeRequest(request), model.decoder.backend, model.spec, publishedSizes, routers);
      return side(label, (prompt) => ownRound(model, prompt, router));
    }),
    ...(peer === undefined ? [] : [side("peer", async (prompt) => [await peer.prefill(prompt), (await peer.decode(prompt[0]!, decodeSteps)).seconds] as const)]),
  ];
  // Memory and caches are warm after a short prompt.
  for (const { run } of sides) await run(tokens.slice(0, 256));
  const contenders = sides.map(
    ({ name, run }): Contender => ({
      name,
      async round() {
        const [prefill, decode] = await run(tokens);
        decodes.set(name, [...(decodes.get(name) ?? []), decode]);
        return [prefill];
      },
    }),
  );
  const samples = await alternate(contenders, rounds, progress);
  const theirs = (seconds: readonly number[] | undefined, amount: number) => (seconds === undefined ? undefined : rate(peer!.name, seconds, amount));
  const figures = modes.flatMap(({ label, goals }) => {
    const [prefillGoal, decodeGoal] = (subject.hasGoals ? goals[count] : undefined) ?? [];
    const goal = (value: number | undefined) => (value === undefined ? {} : { target: { bound: "at least", value } as const, targetIsRatio: true });
    const seconds = samples.get(label)!;
    const note = `ours from ${Math.min(...seconds).toFixed(3)} to ${Math.max(...seconds).toFixed(3)} s a prefill in ${seconds.length} rounds`;
    return [
      figure({ what: `prefill of ${count}, ${label}`, unit: "tokens/s", ours: rate("ours", seconds, count), peer: theirs(samples.get("peer"), count), ...goal(prefillGoal), higherIsBetter: true, note }),
      figure({ what: `decode after ${count}, ${label}`, unit: "tokens/s", ours: rate("ours", decodes.get(label)!, decodeSteps), peer: theirs(decodes.get("peer"), decodeSteps), ...goal(decodeGoal), higherIsBetter: true, note }),
    ];
  });
  const full = decodes.get("every head full");
  if (subject.readsMemory && full !== undefined) figures.push(bandwidthShare(model, machine, full, count));
  return figures;
}

/** Bytes of the weights that a step reads, over what memory gives: the table of embeddings is not among them. */
function bandwidthShare({ decoder, spec }: PretrainedModel, { bytesPerSecond }: MachineRates, seconds: readonly number[], count: number): Figure {
  const bytes = decoder.weightBytes - spec.vocabularySize * spec.hiddenSize * 2;
  const share = seconds.map((each) => (bytes * decodeSteps) / each / bytesPerSecond);
  const median = share.toSorted((a, b) => a - b)[share.length >> 1]!;
  return figure({
    what: `decode after ${count}: weights over read bandwidth`,
    unit: "share",
    ours: { name: "ours", best: Math.max(...share), median, samples: share.length },
    target: { bound: "at least", value: bandwidthGoal },
    higherIsBetter: true,
  });
}

/** What this process holds more than before it loaded, over the file and a cache of the longest prompt with every head full. */
function residentShare({ decoder }: PretrainedModel, path: string, tokens: number, bytes: number): Figure {
  const share = bytes / (statSync(path).size + decoder.fullKeyValueBytes(tokens));
  return figure({
    what: "resident memory over file and cache",
    unit: "share",
    ours: { name: "ours", best: share, median: share, samples: 1 },
    target: { bound: "at most", value: residentGoal },
    higherIsBetter: false,
  });
}

async function ownRound(model: PretrainedModel, tokens: readonly number[], router?: Router): Promise<readonly [number, number]> {
  const { decoder } = model;
  using cache = decoder.createCache({ reserveTokens: decodeSteps });
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
    `MSR 0.75, XAttention 0.75: that share of the heads streams, or is XAttention's; ${publishedSizes.sinkTokens} sink and ${publishedSizes.localTokens} local tokens.`,
    "Attention alone and products are measured first, by themselves; loading, ours and the peer's, comes once, from the file cache.",
  ];
  return { figures, notes: missing === undefined ? notes : [...notes, missing] };
}
