import { setTimeout } from "node:timers/promises";
import { MemoryScope } from "@elastic-attention/core";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { type GenerationRequest, LocalEngine, Tokenizer } from "@elastic-attention/generation";
import type { Backend } from "@elastic-attention/tensor";
import { PretrainedModel, publishedSizes } from "@elastic-attention/transformer";
import type { Benchmark } from "../benchmark.js";
import { type Figure, figure } from "../figures/figure.js";
import { type ModeRequest, parseModeRequest, requestedRouter } from "../workloads/mode-request.js";
import { publishedShape } from "../random-models/published-shapes.js";
import { randomTokens } from "../workloads/random-tokens.js";
import { startBackend } from "../workloads/start-backend.js";
import { duration, median } from "../figures/statistics.js";

export const benchmark: Benchmark = {
  description: "How long running answers pause while a long prompt is admitted, with and without a budget for its slices",
  async run(options, progress) {
    using backend = await startBackend(options);
    const tiny = options.tiny;
    const settings: AdmissionSettings = {
      shape: tiny ? "tiny" : (options.shapes?.[0] ?? "llama-3.1-8b"),
      promptTokens: options.tokens?.[0] ?? (tiny ? 3000 : 131_072),
      answers: options.batches?.[0] ?? 4,
      answerTokens: options.caches?.[0] ?? (tiny ? 50 : 4096),
    };
    const figures: Figure[] = [];
    for (const mode of (options.modes ?? ["full"]).map(parseModeRequest)) {
      for (const budget of options.budgets ?? [50, Infinity]) {
        const measured = await measure(backend, settings, mode, budget);
        const limit = budget === Infinity ? "no budget" : `budget ${budget} ms`;
        const what = `${settings.shape}, ${settings.answers} answers, prompt of ${settings.promptTokens}, ${mode.label}, ${limit}`;
        const note = [
          `median ${(1000 * median(measured.pauses)).toFixed(1)} ms; alone ${(1000 * median(measured.quiet)).toFixed(1)}, at most ${(1000 * Math.max(...measured.quiet)).toFixed(1)}`,
          `prompt in ${measured.admissionSeconds.toFixed(2)} s`,
          `${(measured.pauses.length / measured.admissionSeconds).toFixed(0)} tokens/s meanwhile`,
          `longest pauses of one answer ${measured.ofOne.toSorted((a, b) => b - a).slice(0, 5).map((seconds) => (1000 * seconds).toFixed(1)).join(", ")} ms`,
        ].join("; ");
        const longest = Math.max(...measured.pauses);
        // A pause is a budget, and the step that gives the token.
        const target = budget === Infinity ? undefined : { bound: "at most" as const, value: Math.round(budget + 1000 * median(measured.quiet)) };
        figures.push(figure({ what, unit: "ms", ours: duration("longest pause", [longest], 0.001), higherIsBetter: false, target, note }));
        progress(`${what}: longest pause ${(1000 * longest).toFixed(1)} ms; ${note}`);
      }
    }
    return { figures, notes: [`Random weights in bf16 on ${backend.device.description}; windows of ${publishedSizes.sinkTokens} + ${publishedSizes.localTokens} tokens.`] };
  },
};

interface AdmissionSettings {
  readonly shape: string;
  readonly promptTokens: number;
  /** Answers that run while the prompt comes, and the tokens each of them has read before. */
  readonly answers: number;
  readonly answerTokens: number;
}

interface Admission {
  /** Seconds between two tokens of one answer while the prompt was read, and before. */
  readonly pauses: readonly number[];
  readonly ofOne: readonly number[];
  readonly quiet: readonly number[];
  /** From the request to its first token. */
  readonly admissionSeconds: number;
}

async function measure(backend: Backend, settings: AdmissionSettings, mode: ModeRequest, budget: number): Promise<Admission> {
  const { shape, promptTokens, answers, answerTokens } = settings;
  const spec = { ...publishedShape(shape, 2 * promptTokens + answerTokens), endOfTextIds: [] };
  using scope = new MemoryScope();
  const router = requestedRouter(mode, backend, spec, publishedSizes, scope);
  const request = (length: number, more: GenerationRequest): GenerationRequest => ({ tokens: randomTokens(spec, length), ...(router === undefined ? {} : { router }), ...more });
  // No text is read or written: any tokenizer will do.
  const tokenizer = Tokenizer.load(demoModelDirectory());
  await using engine = LocalEngine.over(PretrainedModel.random({ backend, spec, dtype: "bf16" }), tokenizer, { name: shape, prefillBudgetMilliseconds: budget });
  // Kernels are loaded, algorithms chosen and steps captured before anything counts.
  for await (const _event of engine.generate(request(promptTokens >> 4, { maxNewTokens: 1 })));
  const running = Array.from({ length: answers }, () => new RunningAnswer(engine, request(answerTokens, { maxNewTokens: promptTokens })));
  while (running.some(({ times }) => times.length < 20)) await setTimeout(1);
  const quietSince = performance.now();
  while (running.some(({ times }) => times.filter((time) => time > quietSince).length < 50)) await setTimeout(1);
  const submitted = performance.now();
  let ended = submitted;
  for await (const event of engine.generate(request(promptTokens, { maxNewTokens: 1 }))) if (event.type === "token") ended = performance.now();
  // The step that follows the prompt's last slice.
  while (running.some(({ times }) => times.at(-1)! < ended)) await setTimeout(1);
  const quiet = running.flatMap((each) => each.pauses(quietSince, each.lastBefore(submitted)));
  const [ofOne, ...others] = running.map((each) => each.pauses(submitted, ended));
  for (const each of running) await each.stop();
  return { pauses: [...ofOne!, ...others.flat()], ofOne: ofOne!, quiet, admissionSeconds: (ended - submitted) / 1000 };
}

/** An answer whose reader keeps up, and when each of its tokens came. */
class RunningAnswer {
  readonly times: number[] = [];
  readonly #controller = new AbortController();
  readonly #end: Promise<void>;

  constructor(engine: LocalEngine, request: GenerationRequest) {
    this.#end = this.#read(engine, request);
  }

  async #read(engine: LocalEngine, request: GenerationRequest): Promise<void> {
    for await (const event of engine.generate({ ...request, signal: this.#controller.signal })) {
      if (event.type === "token") this.times.push(performance.now());
    }
  }

  /** Seconds between neighbouring tokens, of those pauses that ended after `since` and began before `until`. */
  pauses(since: number, until: number): number[] {
    return this.times.slice(1).flatMap((time, index) => (time > since && this.times[index]! < until ? [(time - this.times[index]!) / 1000] : []));
  }

  /** When the last token before `time` came. */
  lastBefore(time: number): number {
    return this.times.findLast((each) => each < time)!;
  }

  async stop(): Promise<void> {
    this.#controller.abort();
    await this.#end;
  }
}
