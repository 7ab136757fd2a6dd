import { createInterface } from "node:readline/promises";
import { InvalidRequestError } from "@elastic-attention/core";
import type { ChatMessage } from "@elastic-attention/generation";
import { type GenerationOptions, type ModelOptions, openEngine, requestSettings, type RoutingOptions } from "../model-options.js";
import type { CommandFunction } from "../run-command.js";
import { streamAnswer } from "../terminal/stream-answer.js";

type ChatOptions = ModelOptions & RoutingOptions & GenerationOptions & { readonly system?: string; readonly reroute?: boolean };

/**
 * `chat`: a conversation, turn by turn; Ctrl-C stops an answer, or ends while nothing is written. A turn reads only what is
 * new, under the plan of the first; with --reroute each turn reads everything, with new routing.
 */
export const chat: CommandFunction<ChatOptions> = async ({ options, signal }) => {
  await using engine = await openEngine(options, signal);
  if (!engine.model.hasChatTemplate) {
    throw new InvalidRequestError("This model has no chat template.", "Use `elastic-attention run --raw` for plain text.");
  }
  const messages: ChatMessage[] = options.system === undefined ? [] : [{ role: "system", content: options.system }];
  const lines = createInterface({ input: process.stdin, output: process.stderr, prompt: "> " });
  let turn: AbortController | undefined;
  lines.on("SIGINT", () => (turn === undefined ? lines.close() : turn.abort()));
  signal.addEventListener("abort", () => lines.close());
  lines.prompt();
  for await (const line of lines) {
    if (line.trim() === "/exit") break;
    if (line.trim() !== "") {
      messages.push({ role: "user", content: line });
      turn = new AbortController();
      const request = {
        ...requestSettings(options),
        messages: [...messages],
        session: "chat",
        reroute: options.reroute ?? false,
        signal: AbortSignal.any([signal, turn.signal]),
      };
      const { text, report } = await streamAnswer(engine, request, (piece) => process.stdout.write(piece));
      turn = undefined;
      messages.push({ role: "assistant", content: text });
      process.stdout.write("\n");
      console.error(`[MSR ${report.modelSparsity.toFixed(2)}, ${report.promptTokens} tokens, ${report.reusedTokens} of them kept, ${report.decodeTokensPerSecond.toFixed(0)} tokens/s]`);
    }
    lines.prompt();
  }
  lines.close();
  return 0;
};
