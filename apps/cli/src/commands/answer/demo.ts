import { mobyDick, runningText } from "@elastic-attention/evaluation";
import type { Engine, GenerationRequest } from "@elastic-attention/generation";
import { cutToTokens, hideNeedle, needlePrompt } from "../../prompt/needle-document.js";
import { codePrompt, ownSource } from "../../prompt/own-source.js";
import { plainPrompt, promptInput } from "../../prompt/prompt-input.js";
import { openEngine } from "../../engine/open-engine.js";
import { chosenRouter, requestSettings } from "../../engine/request-settings.js";
import { formatBytes, percent, routingReportText, speedText } from "../../report/routing-report-text.js";
import type { CommandFunction } from "../../program/command-definition.js";
import { exitCodes } from "../../program/exit-codes.js";
import type { DemoOptions } from "./answer-commands.js";
import { affordableTokens, timeReading } from "./demo-length.js";
import { type Finish, streamAnswer } from "./stream-answer.js";

/** Length of the document on a machine that is fast enough. */
const usualTokens = 7600;
/** How long the document may take to be read, sparse, full and for the other prompts together. */
const budgetSeconds = 20;

/**
 * `demo`: a real book with one sentence hidden in it; the answer, what sparsity saved, and the same with full attention;
 * then how a learned router takes other kinds of prompts.
 */
export const demo: CommandFunction<DemoOptions> = async ({ options, signal }) => {
  await using engine = await openEngine(options, signal);
  // Both answers are compared: what a model's folder asks for does not count.
  const settings = { maxNewTokens: 48, defaults: "none" as const, ...requestSettings(options), signal };
  const wholeBook = runningText(mobyDick());
  const tokens = options.tokens ?? (await fittingTokens(engine, settings, wholeBook));
  if (signal.aborted) return exitCodes.interrupted;
  const book = await cutToTokens(wholeBook, tokens, async (text) => (await engine.tokenize({ prompt: text })).length);
  const document = hideNeedle(book, 0.35, "whale-watcher", "7305961");
  if (!options.json) {
    console.error(`Model:     ${engine.model.name}, ${(engine.model.parameters / 1e6).toFixed(1)} M parameters, ${engine.model.routerDescription}`);
    console.error(`Document:  the beginning of Moby-Dick, with one sentence hidden in it:\n           "${document.needle.trim()}"`);
    if (options.tokens === undefined && tokens < usualTokens) {
      console.error(`           ${tokens} tokens of it are what this machine reads in about ${budgetSeconds} s (--tokens ${usualTokens} reads more)`);
    }
    console.error(`Question:  ${document.question}\n`);
  }
  const request = { ...settings, ...promptInput(plainPrompt(needlePrompt(document)), engine.model) };
  const write = (text: string) => {
    if (!options.json) process.stdout.write(text);
  };
  const sparse = await streamAnswer(engine, request, write);
  if (!options.json) process.stdout.write("\n");
  if (sparse.reason === "aborted") return exitCodes.interrupted;
  if (!options.json) console.error(`\n${routingReportText(sparse.report, engine.model, chosenRouter(options).name)}\n`);
  const full = await fullAttention(engine, request);
  if (full.reason === "aborted") return exitCodes.interrupted;
  const routed = sparse.report.router === "learned";
  const summary = routed ? await firstToken(engine, request, `${book}\nSummarize the text above.`) : undefined;
  const code = routed ? await firstToken(engine, request, codePrompt(ownSource())) : undefined;
  if (summary?.reason === "aborted" || code?.reason === "aborted") return exitCodes.interrupted;
  const found = sparse.text.includes(document.answer);
  if (options.json) {
    console.log(JSON.stringify({ model: engine.model, expected: document.answer, found, sparse, full, summary, code }, undefined, 2));
  } else {
    console.error(comparison(sparse, full));
    if (summary !== undefined && code !== undefined) console.error(`\n${otherPrompts(summary, code)}`);
  }
  return found ? 0 : 1;
};

/** As much of the document as this machine reads in the time that a newcomer waits. */
async function fittingTokens(engine: Engine, request: GenerationRequest, text: string): Promise<number> {
  const readings = await timeReading(engine, request, text);
  return readings.length === 0 ? usualTokens : affordableTokens(readings, budgetSeconds, usualTokens);
}

async function fullAttention(engine: Engine, request: Parameters<Engine["generate"]>[0]): Promise<Finish> {
  const { sparsity: _, router: __, ...rest } = request;
  return streamAnswer(engine, { ...rest, mode: "full" }, () => {});
}

/** How another prompt is routed: its first token. */
async function firstToken(engine: Engine, request: Parameters<Engine["generate"]>[0], prompt: string): Promise<Finish> {
  const { prompt: _, messages: __, ...rest } = request;
  return streamAnswer(engine, { ...rest, maxNewTokens: 1, ...promptInput(plainPrompt(prompt), engine.model) }, () => {});
}

function otherPrompts(summary: Finish, code: Finish): string {
  const sparse = ({ report }: Finish) => percent(report.modelSparsity);
  return `Other prompts are routed differently: ${sparse(summary)} of heads sparse for a summary of the same text, ${sparse(code)} when continuing source code.`;
}

function comparison(sparse: Finish, full: Finish): string {
  const faster = full.report.prefillSeconds / sparse.report.prefillSeconds;
  const decode = sparse.report.decodeTokensPerSecond / full.report.decodeTokensPerSecond;
  return [
    `Full attention answers: ${full.text.trim()}`,
    `It took ${full.report.prefillSeconds.toFixed(2)} s to read the prompt (sparse: ${speedText(faster)}), wrote ` +
      `${full.report.decodeTokensPerSecond.toFixed(1)} tokens/s (sparse: ${speedText(decode)}), and held ` +
      `${formatBytes(full.report.keyValueBytes)} of keys and values.`,
  ].join("\n");
}
