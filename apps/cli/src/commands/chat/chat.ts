import { ElasticAttentionError, InvalidRequestError } from "@elastic-attention/core";
import type { RoutingReport, WorkerEngine } from "@elastic-attention/generation";
import { openEngine } from "../../engine/open-engine.js";
import { requestSettings } from "../../engine/request-settings.js";
import type { CommandFunction } from "../../program/command-definition.js";
import { exitCodes } from "../../program/exit-codes.js";
import { requireSwitch, templateInput } from "../../prompt/prompt-input.js";
import { draftsText, percent } from "../../report/routing-report-text.js";
import { unsupportedText } from "../../report/sampling-text.js";
import { canRedraw } from "../../terminal/can-redraw.js";
import type { ChatOptions } from "../answer/answer-commands.js";
import { type Finish, streamAnswer } from "../answer/stream-answer.js";
import { Conversation } from "./conversation.js";
import { LineInput } from "./line-input.js";
import { type ChatState, type Next, runSlashCommand } from "./slash-commands.js";
import { ThoughtStyle } from "./thought-style.js";

const say = (text: string) => console.error(text);

/**
 * `chat`: a conversation, turn by turn; Ctrl-C stops an answer; while nothing is written it ends the conversation. A turn reads
 * only what is new, under the routing of the first; with --reroute each turn reads everything, with new routing.
 */
export const chat: CommandFunction<ChatOptions> = async ({ options, signal }) => {
  await using engine = await openEngine(options, signal);
  if (!engine.model.hasChatTemplate) {
    throw new InvalidRequestError("This model has no chat template.", "Use `elastic-attention run --raw` for plain text.");
  }
  const unsupported = unsupportedText(engine.model.defaults);
  if (unsupported !== undefined) say(unsupported);
  // Read once: it names files of tools and documents, which are the same in every turn.
  const template = templateInput(options);
  requireSwitch(template, engine.model);
  if (options.quiet !== true) say(`${engine.model.name}, ${engine.model.routerDescription}. /help lists the commands, /exit ends.`);
  const state: ChatState = { conversation: new Conversation(options.system), sparsity: options.sparsity, session: undefined };
  let exitCode = 0;
  using lines = new LineInput(interrupt);
  function interrupt() {
    exitCode = exitCodes.interrupted;
    lines.close();
  }
  signal.addEventListener("abort", interrupt);
  try {
    for (let line = await lines.next(); line !== undefined; line = await lines.next()) {
      const next = await takeLine(line, state);
      if (next === "end") break;
      if (next === "answer") await answerOrExplain(() => answer(engine, state, { options, template, lines, signal }), state.conversation);
      if (signal.aborted) break;
    }
  } finally {
    signal.removeEventListener("abort", interrupt);
  }
  return exitCode;
};

/** What a line asks for. A command that fails says why; the conversation goes on. */
async function takeLine(line: string, state: ChatState): Promise<Next> {
  if (line.trim() === "") return "line";
  if (!line.startsWith("/") || line.startsWith("//")) {
    state.conversation.ask(line.startsWith("//") ? line.slice(1) : line);
    return "answer";
  }
  try {
    return await runSlashCommand(line, state, say);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    say(errorText(error));
    return "line";
  }
}

function errorText(error: Error): string {
  return ElasticAttentionError.isInstance(error) && error.hint !== undefined ? `${error.message} ${error.hint}` : error.message;
}

/**
 * A message that cannot be answered, too long or asking for what is not there, is taken back and the conversation goes on;
 * where nothing was answered yet the command line itself is at fault, and its error ends the command.
 */
async function answerOrExplain(answering: () => Promise<void>, conversation: Conversation): Promise<void> {
  try {
    await answering();
  } catch (error) {
    if (!ElasticAttentionError.isInstance(error) || !conversation.hasAnswer) throw error;
    conversation.takeBackQuestion();
    say(errorText(error));
  }
}

/** What stays the same in all turns of a chat. */
interface ChatSetting {
  readonly options: ChatOptions;
  readonly template: ReturnType<typeof templateInput>;
  readonly lines: LineInput;
  readonly signal: AbortSignal;
}

async function answer(engine: WorkerEngine, state: ChatState, { options, template, lines, signal }: ChatSetting): Promise<void> {
  const turn = new AbortController();
  const { sparsity: _, ...settings } = requestSettings(options);
  const { session } = state.conversation;
  if (state.session !== undefined && state.session !== session) await engine.closeSession(state.session);
  state.session = session;
  const request = {
    ...settings,
    ...(state.sparsity === undefined ? {} : { sparsity: state.sparsity }),
    messages: state.conversation.messages,
    ...(template === undefined ? {} : { chatTemplate: template }),
    session,
    reroute: options.reroute ?? false,
    signal: AbortSignal.any([signal, turn.signal]),
  };
  const finish = await lines.whileAnswering(
    () => turn.abort(),
    () => writeAnswer((write) => streamAnswer(engine, request, write)),
  );
  state.conversation.answer(finish.text);
  process.stdout.write("\n");
  if (options.quiet !== true) say(turnText(finish));
}

async function writeAnswer(stream: (write: (text: string) => void) => Promise<Finish>): Promise<Finish> {
  const write = (text: string) => void process.stdout.write(text);
  if (!canRedraw(process.stdout)) return await stream(write);
  const style = new ThoughtStyle(write);
  try {
    return await stream((piece) => style.take(piece));
  } finally {
    style.end();
  }
}

/** What a turn took; of an answer that was stopped no speed is told. */
function turnText({ reason, report }: Finish): string {
  const { modelSparsity, promptTokens, reusedTokens, decodeTokensPerSecond, drafts }: RoutingReport = report;
  if (reason === "aborted") return `[stopped; ${percent(modelSparsity)} of heads sparse (MSR)]`;
  return `[${percent(modelSparsity)} of heads sparse (MSR), ${promptTokens} tokens, ${reusedTokens} reused from the cache, ${decodeTokensPerSecond.toFixed(0)} tokens/s${drafts === undefined ? "" : `, ${draftsText(drafts)}`}]`;
}
