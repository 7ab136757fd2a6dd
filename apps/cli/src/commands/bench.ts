import { mobyDick, runningText } from "@elastic-attention/evaluation";
import type { Engine, ModeName } from "@elastic-attention/generation";
import { type ModelOptions, openEngine, type RoutingOptions } from "../model-options.js";
import { formatBytes } from "../report/routing-report-text.js";
import { type CommandFunction, interrupted } from "../run-command.js";
import { type Finish, streamAnswer } from "../terminal/stream-answer.js";

type BenchOptions = ModelOptions & RoutingOptions & {
  readonly tokens?: readonly number[];
  readonly newTokens: number;
  readonly rounds: number;
};

interface Measurement {
  readonly tokens: number;
  readonly mode: string;
  readonly modelSparsity: number;
  readonly prefillTokensPerSecond: number;
  readonly decodeTokensPerSecond: number;
  readonly keyValueBytes: number;
}

/** `bench`: tokens per second of this model on this machine, as routed and with full attention, in turns. */
export const bench: CommandFunction<BenchOptions> = async ({ options, signal }) => {
  await using engine = await openEngine(options, signal);
  const text = await engine.tokenize({ prompt: runningText(mobyDick()).slice(0, 400_000) });
  const measurements: Measurement[] = [];
  for (const tokens of options.tokens ?? [2048, 8192].filter((count) => count + options.newTokens <= engine.model.contextLength)) {
    const modes: (ModeName | undefined)[] = [options.mode, ...(options.mode === "full" ? [] : ["full" as const])];
    const best = new Map<ModeName | undefined, Measurement>();
    for (let round = 0; round < options.rounds; round++) {
      for (const mode of modes) {
        const finish = await once(engine, text.slice(0, tokens), mode, options, signal);
        if (finish.reason === "aborted") return interrupted;
        const label = mode ?? (engine.model.router === "none" ? "full" : `${engine.model.router} router`);
        best.set(mode, better(best.get(mode), measurement(label, finish)));
      }
    }
    measurements.push(...best.values());
    if (!options.json) for (const each of best.values()) console.log(line(each));
  }
  if (options.json) console.log(JSON.stringify({ model: engine.model, measurements }, undefined, 2));
  return 0;
};

function once(engine: Engine, tokens: Int32Array, mode: ModeName | undefined, options: BenchOptions, signal: AbortSignal): Promise<Finish> {
  const { sparsity, newTokens } = options;
  const routing = mode === "full" || sparsity === undefined ? {} : { sparsity };
  return streamAnswer(engine, { tokens, maxNewTokens: newTokens, ...(mode === undefined ? {} : { mode }), ...routing, signal }, () => {});
}

function measurement(mode: string, { report }: Finish): Measurement {
  const { promptTokens, modelSparsity, prefillTokensPerSecond, decodeTokensPerSecond, keyValueBytes } = report;
  return { tokens: promptTokens, mode, modelSparsity, prefillTokensPerSecond, decodeTokensPerSecond, keyValueBytes };
}

function better(a: Measurement | undefined, b: Measurement): Measurement {
  if (a === undefined) return b;
  return {
    ...b,
    prefillTokensPerSecond: Math.max(a.prefillTokensPerSecond, b.prefillTokensPerSecond),
    decodeTokensPerSecond: Math.max(a.decodeTokensPerSecond, b.decodeTokensPerSecond),
  };
}

function line({ tokens, mode, modelSparsity, prefillTokensPerSecond, decodeTokensPerSecond, keyValueBytes }: Measurement): string {
  return (
    `${String(tokens).padStart(7)} tokens  ${mode.padEnd(16)} MSR ${modelSparsity.toFixed(2)}  prefill ${prefillTokensPerSecond.toFixed(0).padStart(6)} tokens/s  ` +
    `decode ${decodeTokensPerSecond.toFixed(1).padStart(6)} tokens/s  keys and values ${formatBytes(keyValueBytes)}`
  );
}
