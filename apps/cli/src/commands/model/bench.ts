import { mobyDick, runningText } from "@elastic-attention/evaluation";
import type { Engine, ModeName } from "@elastic-attention/generation";
import { openEngine } from "../../engine/open-engine.js";
import { requestRouting } from "../../engine/request-settings.js";
import type { CommandFunction } from "../../program/command-definition.js";
import { exitCodes } from "../../program/exit-codes.js";
import { formatBytes, percent } from "../../report/routing-report-text.js";
import { type Finish, streamAnswer } from "../answer/stream-answer.js";
import type { BenchOptions } from "./model-commands.js";

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
        if (finish.reason === "aborted") return exitCodes.interrupted;
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
  // The comparison with full attention has none of the routing that was asked for.
  const routing = mode === "full" && options.mode !== "full" ? { mode } : requestRouting(options);
  return streamAnswer(engine, { tokens, maxNewTokens: options.newTokens, defaults: "none", ...routing, signal }, () => {});
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
    `${String(tokens).padStart(7)} tokens  ${mode.padEnd(16)} ${percent(modelSparsity).padStart(4)} of heads sparse (MSR)  prefill ${prefillTokensPerSecond.toFixed(0).padStart(6)} tokens/s  ` +
    `decode ${decodeTokensPerSecond.toFixed(1).padStart(6)} tokens/s  keys and values ${formatBytes(keyValueBytes)}`
  );
}
