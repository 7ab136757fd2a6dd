import { ContextLengthError } from "@elastic-attention/core";
import type { Engine, GenerationEvent, GenerationRequest, TokenLogprobs } from "@elastic-attention/generation";
import { ApiError } from "../errors/api-error.js";
import type { ServerContext } from "../server-context.js";
import type { AnswerEvent, FinishReason, TokenChance } from "./answer-event.js";
import { AnswerText, type AnswerTextOptions } from "./answer-text.js";

/** What is asked of the engine, and how the answer's text is taken apart. */
export interface AnswerOrder {
  readonly generation: GenerationRequest;
  readonly text: AnswerTextOptions;
  /** Whether the text of the prompt's tokens is kept for those who look at the request. */
  readonly recordsPrompt: boolean;
}

type EngineFinish = Extract<GenerationEvent, { type: "finish" }>;
type EngineToken = Extract<GenerationEvent, { type: "token" }>;

/** A request that the engine has taken. */
export interface StartedAnswer {
  readonly promptTokens: number;
  /** They have to be read to the end; a client that goes away ends them. */
  readonly events: AsyncGenerator<AnswerEvent, void, undefined>;
}

/** Takes what the engine gives of a request apart, and counts. */
export class RunningAnswer {
  readonly #begun = performance.now();
  readonly #texts = new Map<number, AnswerText>();
  readonly #reasoningTokens = new Map<number, number>();
  readonly #chances = new Map<number, readonly TokenChance[]>();
  #firstToken: number | undefined;
  #tokens = 0;

  private constructor(
    private readonly context: ServerContext,
    private readonly order: AnswerOrder,
    private readonly markers: ReadonlyMap<number, string>,
    private readonly log: AnswerLog,
  ) {}

  /**
   * Gives a request to the engine and waits until it was checked.
   *
   * @param request that asks for it
   * @param signal aborted when the client goes away
   * @throws ApiError 429 where there is no room, 503 while the server stops; the errors of `Engine.generate` for what is wrong with the request
   */
  static async start(context: ServerContext, order: AnswerOrder, request: AskingRequest, signal: AbortSignal): Promise<StartedAnswer> {
    if (context.isDraining) throw new ApiError("The server is stopping.", { status: 503, type: "server_error", code: "draining", retryAfterSeconds: 5 });
    const leave = context.gate.enter(order.generation.count);
    try {
      const markers = await context.markers.tokens();
      const answer = new RunningAnswer(context, order, markers, request.answerLog);
      const pieces = order.recordsPrompt ? await promptPieces(context.engine, order.generation) : undefined;
      const name = { id: request.id, owner: request.keyOwner };
      const generate = (generation: GenerationRequest) => context.live.generate(name, generation, pieces);
      const { maximumPromptTokens } = context.options;
      const { events, promptTokens } = await accepted(generate, { ...order.generation, signal }, (tokens) => {
        if (maximumPromptTokens === undefined || tokens <= maximumPromptTokens) return;
        throw new ContextLengthError(`The prompt has ${tokens} tokens; this server takes at most ${maximumPromptTokens}.`, "Shorten the prompt.", tokens, maximumPromptTokens);
      });
      return { promptTokens, events: answer.#read(events, leave) };
    } catch (error) {
      leave();
      context.health.failed(error);
      throw error;
    }
  }

  async *#read(events: AsyncIterator<GenerationEvent>, leave: () => void): AsyncGenerator<AnswerEvent, void, undefined> {
    try {
      // Without yield*, which waits for each event three times.
      for (let next = await events.next(); next.done !== true; next = await events.next()) for (const event of this.#translate(next.value)) yield event;
      this.context.health.succeeded();
    } catch (error) {
      this.context.health.failed(error);
      throw error;
    } finally {
      leave();
      await events.return?.(undefined);
    }
  }

  #translate(event: GenerationEvent): readonly AnswerEvent[] {
    if (event.type === "token") return this.#token(event);
    if (event.type === "finish") return this.#finish(event);
    const { promptTokens, processedTokens, cachedTokens } = event;
    return [{ type: "progress", promptTokens, processedTokens, cachedTokens, milliseconds: this.#elapsed }];
  }

  #token(event: EngineToken): readonly AnswerEvent[] {
    this.#tokens += 1;
    if (this.#firstToken === undefined) {
      this.#firstToken = performance.now();
      this.context.metrics.firstToken(this.#elapsed / 1000);
    }
    const { answer, logprobs } = event;
    if (logprobs !== undefined) this.#chances.set(answer, [...(this.#chances.get(answer) ?? []), { ...logprobs, text: tokenText(event, logprobs) }]);
    const text = this.#textOf(answer);
    if (text.isReasoning) this.#reasoningTokens.set(answer, (this.#reasoningTokens.get(answer) ?? 0) + 1);
    const marker = this.markers.get(event.id);
    const isLeftOut = marker !== undefined && !event.text.includes(marker);
    return text.push(isLeftOut ? marker + event.text : event.text).map((part) => ({ ...part, answer, chances: this.#takeChances(answer) }));
  }

  #finish({ answer, reason: ended, report, stopText }: EngineFinish): readonly AnswerEvent[] {
    const text = this.#textOf(answer);
    const rest: AnswerEvent[] = text.end().map((part) => ({ ...part, answer, chances: this.#takeChances(answer) }));
    const reason = finishReason(ended, text.hasCalls);
    const decodeSeconds = this.#firstToken === undefined ? 0 : (performance.now() - this.#firstToken) / 1000;
    this.context.metrics.finished(answer, reason, report, report.newTokens, this.#elapsed / 1000, decodeSeconds);
    this.log.answer = {
      finish: reason,
      prompt_tokens: report.promptTokens,
      cached_tokens: report.reusedTokens,
      completion_tokens: this.#tokens,
      msr: rounded(report.modelSparsity),
      esr: rounded(report.effectiveSparsity),
      key_value_bytes: report.keyValueBytes,
      ...(this.#firstToken === undefined ? {} : { first_token_ms: Math.round(this.#firstToken - this.#begun) }),
    };
    return [...rest, { type: "finish", answer, reason, stopText, report, reasoningTokens: this.#reasoningTokens.get(answer) ?? 0, chances: this.#takeChances(answer) }];
  }

  #textOf(answer: number): AnswerText {
    const text = this.#texts.get(answer) ?? new AnswerText(this.order.text);
    this.#texts.set(answer, text);
    return text;
  }

  #takeChances(answer: number): readonly TokenChance[] {
    const chances = this.#chances.get(answer) ?? [];
    this.#chances.delete(answer);
    return chances;
  }

  get #elapsed(): number {
    return performance.now() - this.#begun;
  }
}

/** What an answer has to know of the HTTP request that asks for it. */
export interface AskingRequest {
  readonly id: string;
  /** Whose key it brought; empty where there are no keys. */
  readonly keyOwner: string;
  readonly answerLog: AnswerLog;
}

/** What the line of a request says of its answer. */
export interface AnswerLog {
  answer?: Readonly<Record<string, unknown>>;
}

/** The events of a request, as soon as the engine has checked it. @throws what the engine refuses it with */
async function accepted(generate: Engine["generate"], request: GenerationRequest, check: (promptTokens: number) => void): Promise<{ readonly events: AsyncIterator<GenerationEvent>; readonly promptTokens: number }> {
  let accept!: (promptTokens: number | undefined) => void;
  const isAccepted = new Promise<number | undefined>((resolve) => (accept = resolve));
  const refusal = new AbortController();
  const signal = AbortSignal.any([...(request.signal === undefined ? [] : [request.signal]), refusal.signal]);
  const events = generate({ ...request, signal, onAccepted: accept })[Symbol.asyncIterator]();
  const first = events.next();
  // It is read below; until then its failure is nobody's.
  first.catch(() => {});
  // A request that was aborted meanwhile is never accepted.
  first.then(() => accept(undefined), () => {});
  const promptTokens = await Promise.race([isAccepted, first.then(() => isAccepted)]);
  try {
    if (promptTokens !== undefined) check(promptTokens);
  } catch (error) {
    refusal.abort();
    await events.return?.();
    throw error;
  }
  let pending: Promise<IteratorResult<GenerationEvent>> | undefined = first;
  const iterator: AsyncIterator<GenerationEvent> = {
    next: () => {
      const next = pending ?? events.next();
      pending = undefined;
      return next;
    },
    return: async () => (await events.return?.()) ?? { done: true, value: undefined },
  };
  return { events: iterator, promptTokens: promptTokens ?? 0 };
}

function finishReason(reason: EngineFinish["reason"], hasCalls: boolean): FinishReason {
  if (reason === "aborted" || reason === "length") return reason;
  return hasCalls ? "tool_calls" : "stop";
}

function rounded(share: number): number {
  return Math.round(share * 1000) / 1000;
}

async function promptPieces(engine: Engine, { prompt, messages, chatTemplate, tokens }: GenerationRequest): Promise<readonly string[]> {
  const input = { ...(prompt === undefined ? {} : { prompt }), ...(messages === undefined ? {} : { messages }), ...(chatTemplate === undefined ? {} : { chatTemplate }) };
  return engine.pieces(tokens === undefined ? await engine.tokenize(input) : Int32Array.from(tokens));
}

/** Its own text where that is known by itself; an event has the text of several where characters span tokens. */
function tokenText({ id, text }: EngineToken, { top }: TokenLogprobs): string {
  return top.find((token) => token.id === id)?.text ?? text;
}
