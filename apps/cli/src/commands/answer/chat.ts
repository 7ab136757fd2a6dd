import { createInterface } from "node:readline/promises";
import { InvalidRequestError } from "@elastic-attention/core";
import type { ChatMessage, RoutingReport } from "@elastic-attention/generation";
import { openEngine } from "../../engine/open-engine.js";
import { requestSettings } from "../../engine/request-settings.js";
import type { CommandFunction } from "../../program/command-definition.js";
import { exitCodes } from "../../program/exit-codes.js";
import { requireSwitch, systemMessage, templateInput } from "../../prompt/prompt-input.js";
import { percent } from "../../report/routing-report-text.js";
import { unsupportedText } from "../../report/sampling-text.js";
import type { ChatOptions } from "./answer-commands.js";
import { streamAnswer } from "./stream-answer.js";

/**
 * `chat`: a conversation, turn by turn; Ctrl-C stops an answer; while nothing is written it ends the conversation. A turn reads only what is
 * new, under the routing of the first; with --reroute each turn reads everything, with new routing.
 */
export const chat: CommandFunction<ChatOptions> = async ({ options, signal }) => {
  await using engine = await openEngine(options, signal);
  if (!engine.model.hasChatTemplate) {
    throw new InvalidRequestError("This model has no chat template.", "Use `elastic-attention run --raw` for plain text.");
  }
  const unsupported = unsupportedText(engine.model.defaults);
  if (unsupported !== undefined) console.error(unsupported);
  const template = templateInput(options);
  requireSwitch(template, engine.model);
  const messages: ChatMessage[] = [...systemMessage(options.system)];
  let exitCode = 0;
  const lines = createInterface({ input: process.stdin, output: process.stderr, prompt: "> " });
  let turn: AbortController | undefined;
  const interrupt = () => {
    exitCode = exitCodes.interrupted;
    lines.close();
  };
  lines.on("SIGINT", () => (turn === undefined ? interrupt() : turn.abort()));
  signal.addEventListener("abort", interrupt);
  try {
    lines.prompt();
    for await (const line of lines) {
      if (line.trim() === "/exit") break;
      if (line.trim() !== "") {
        messages.push({ role: "user", content: line });
        turn = new AbortController();
        const request = {
          ...requestSettings(options),
          messages: [...messages],
          ...(template === undefined ? {} : { chatTemplate: template }),
          session: "chat",
          reroute: options.reroute ?? false,
          signal: AbortSignal.any([signal, turn.signal]),
        };
        const { text, report } = await streamAnswer(engine, request, (piece) => process.stdout.write(piece));
        turn = undefined;
        messages.push({ role: "assistant", content: text });
        process.stdout.write("\n");
        console.error(turnText(report));
        if (signal.aborted) break;
      }
      lines.prompt();
    }
  } finally {
    // Also after an error: an open terminal would keep the process alive.
    lines.close();
    signal.removeEventListener("abort", interrupt);
  }
  return exitCode;
};

function turnText({ modelSparsity, promptTokens, reusedTokens, decodeTokensPerSecond }: RoutingReport): string {
  return `[${percent(modelSparsity)} of heads sparse (MSR), ${promptTokens} tokens, ${reusedTokens} reused from the cache, ${decodeTokensPerSecond.toFixed(0)} tokens/s]`;
}
