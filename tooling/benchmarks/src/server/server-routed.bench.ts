import { MemoryScope } from "@elastic-attention/core";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { type GenerationRequest, LocalEngine, RandomStream, Tokenizer } from "@elastic-attention/generation";
import { PretrainedModel, publishedSizes } from "@elastic-attention/transformer";
import type { Benchmark } from "../benchmark.js";
import { alternate, timed } from "../figures/contenders.js";
import { figure } from "../figures/figure.js";
import { duration, rate } from "../figures/statistics.js";
import { publishedShape } from "../random-models/published-shapes.js";
import { parseModeRequest, requestedRouter } from "../workloads/mode-request.js";
import { startBackend } from "../workloads/start-backend.js";

/** What one round of all clients has taken. */
interface Round {
  readonly seconds: number;
  /** Of each client. */
  readonly firstTokens: readonly number[];
  /** Tokens a second once every prompt has been read. */
  readonly decodeRate: number;
  readonly modelSparsity: number;
}

export const benchmark: Benchmark = {
  description: "Tokens per second of 64 clients with prompts of 8 000 tokens and answers of 200, routed, against every head full",
  async run(options, progress) {
    using backend = await startBackend(options);
    const clients = options.batches?.[0] ?? (options.tiny ? 4 : 64);
    const promptTokens = options.tokens?.[0] ?? (options.tiny ? 300 : 8000);
    const newTokens = options.tiny ? 8 : 200;
    const shape = options.tiny ? "tiny" : (options.shapes?.[0] ?? "llama-3.1-8b");
    const whole = publishedShape(shape, promptTokens + newTokens + 64);
    const spec = { ...whole, numLayers: Math.min(options.layers ?? whole.numLayers, whole.numLayers), endOfTextIds: [] };
    using scope = new MemoryScope();
    // Prompts are token ids, and no answer's text is looked at: any tokenizer will do.
    const tokenizer = Tokenizer.load(demoModelDirectory());
    await using engine = LocalEngine.over(PretrainedModel.random({ backend, spec, dtype: "bf16" }), tokenizer, { name: shape, maximumBatch: clients });
    const prompts = Array.from({ length: clients }, (_, client) => {
      const random = new RandomStream(client + 1);
      return Array.from({ length: promptTokens }, () => Math.floor(random.next() * spec.vocabularySize));
    });
    const modes = (options.modes ?? ["full", "fa-ssa:0.75"]).map(parseModeRequest);
    const rounds = new Map<string, Round[]>();
    const contenders = modes.map((mode) => {
      const router = requestedRouter(mode, backend, spec, publishedSizes, scope);
      const settings: Partial<GenerationRequest> = router === undefined ? { mode: "full" } : { router };
      const round = async () => {
        const measured = await answerAll(engine, prompts, newTokens, settings);
        rounds.set(mode.label, [...(rounds.get(mode.label) ?? []), measured]);
        progress(`${mode.label}: ${((clients * newTokens) / measured.seconds).toFixed(1)} tokens/s`);
        return [measured.seconds];
      };
      return { name: mode.label, round, settings };
    });
    // Kernels are chosen before anything counts.
    for (const { settings } of contenders) await answerAll(engine, prompts.slice(0, 2), 4, settings);
    const samples = await alternate(contenders, options.rounds ?? 1, progress);
    const all = clients * newTokens;
    const [reference, ...others] = modes;
    const of = (label: string) => rate(label, samples.get(label)!, all);
    return {
      figures: [reference!, ...others].map(({ label }) => {
        const { firstTokens, modelSparsity, decodeRate } = rounds.get(label)![0]!;
        return figure({
          what: `${shape}, ${spec.numLayers} layers, ${clients} clients, prompts of ${promptTokens}, answers of ${newTokens}: ${label}`,
          unit: "tokens/s",
          ours: of(label),
          ...(label === reference!.label ? {} : { peer: of(reference!.label), targetIsRatio: true, target: options.tiny ? undefined : { bound: "at least" as const, value: 1.6 } }),
          higherIsBetter: true,
          note: `MSR ${modelSparsity.toFixed(3)}, first token after ${duration("first", firstTokens, 1).median.toFixed(2)} s (median), ${decodeRate.toFixed(0)} tokens/s once all prompts are read`,
        });
      }),
      notes: [`Random weights in bf16 on ${backend.device.description}. The engine as the server drives it; what HTTP adds is server-overhead's figure.`],
    };
  },
};

async function answerAll(engine: LocalEngine, prompts: readonly (readonly number[])[], newTokens: number, settings: Partial<GenerationRequest>): Promise<Round> {
  const firstTokens: number[] = [];
  const tokenTimes: number[] = [];
  let modelSparsity = 0;
  const begun = performance.now();
  const client = async (tokens: readonly number[], seed: number) => {
    let isFirst = true;
    for await (const event of engine.generate({ tokens, maxNewTokens: newTokens, sampling: { temperature: 1, seed }, prefix: "none", ...settings })) {
      if (event.type === "finish") modelSparsity = event.report.modelSparsity;
      if (event.type !== "token") continue;
      tokenTimes.push((performance.now() - begun) / 1000);
      if (isFirst) firstTokens.push(tokenTimes.at(-1)!);
      isFirst = false;
    }
  };
  const seconds = await timed(async () => void (await Promise.all(prompts.map(client))));
  const allRead = Math.max(...firstTokens);
  const decodeRate = tokenTimes.filter((time) => time > allRead).length / (seconds - allRead);
  return { seconds, firstTokens, decodeRate, modelSparsity };
}
