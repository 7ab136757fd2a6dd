import { SequenceCache } from "@elastic-attention/attention";
import { type MemoryPrediction, type Prefill, type SequenceRouting, TokenSampler } from "@elastic-attention/transformer";
import type { EngineContext } from "./engine-context.js";
import { EventQueue } from "./event-queue.js";
import type { GenerationEvent, GenerationRequest } from "./generation-request.js";
import { continuation } from "./prompt-continuation.js";
import { planRequest, type RequestPlan } from "./request-plan.js";
import { type RequestRouting, routeRequest } from "./request-routing.js";
import { routingReport, type RunMeasurements } from "./routing-report.js";
import { type CheckedSampling, checkSampling } from "./sampling-parameters.js";
import type { SessionState, SessionStore } from "./session-store.js";
import { TextStream } from "./text-stream.js";

export type FinishReason = Extract<GenerationEvent, { type: "finish" }>["reason"];

/** A decode step as its requests see it. */
export interface DecodeStep {
  readonly seconds: number;
  readonly requests: number;
}

/** Room for new tokens that is made at once; a longer answer grows the cache. */
const maximumReserve = 1024;

/**
 * One request from its arrival to its end. It is advanced by the scheduler; its memory is its cache, its prefill and its
 * sampler, and {@link release} gives all of it back at any time.
 */
export class ActiveRequest {
  readonly events: EventQueue<GenerationEvent>;
  state: "queued" | "prefill" | "decode" | "done" = "queued";
  /** The prefill while it runs. */
  prefill: Prefill | undefined;
  /** Layers of the prefill that the reader knows to be done. */
  layersTold = 0;
  readonly #plan: RequestPlan;
  readonly #routing: RequestRouting;
  readonly #sampling: CheckedSampling;
  readonly #seed: number;
  readonly #measured: RunMeasurements;
  readonly #text: TextStream;
  readonly #generated: number[] = [];
  #cache: SequenceCache | undefined;
  #sampler: TokenSampler | undefined;
  /** What the cache held before this turn, and what was appended to it. */
  #held: SessionState | undefined;
  #appended: ArrayLike<number> = [];
  #routed: Pick<SequenceRouting, "assignment" | "blocks"> | undefined;
  #begun = 0;
  #interruptedSeconds = 0;
  #joined = false;

  /** Checks the request; nothing is computed or allocated yet. @throws InvalidRequestError, TokenizerError */
  constructor(
    private readonly context: EngineContext,
    readonly request: GenerationRequest,
    onRead: () => void,
  ) {
    const { model, tokenizer } = context;
    this.#plan = planRequest(request, tokenizer, model.spec.contextLength);
    this.#routing = routeRequest(context, request);
    this.#sampling = checkSampling(request.sampling);
    this.#seed = this.#sampling.seed ?? Math.floor(Math.random() * 2 ** 32);
    this.events = new EventQueue(onRead);
    const { tokens, stop, textBefore } = this.#plan;
    this.#text = new TextStream(tokenizer.detokenizer(textBefore), stop);
    this.#measured = { promptTokens: tokens.length, reusedTokens: 0, newTokens: 0, prefillSeconds: 0, decodeSteps: 0, decodeSeconds: 0, decodeShareSeconds: 0 };
  }

  get aborted(): boolean {
    return this.request.signal?.aborted ?? false;
  }

  /** Keys and values while it decodes. */
  get cache(): SequenceCache {
    return this.#cache!;
  }

  get sampler(): TokenSampler {
    return this.#sampler!;
  }

  /** The token that the model reads next. */
  get lastToken(): number {
    return this.#generated.at(-1)!;
  }

  /** Whether the router alone knows how many heads it will make sparse. */
  get hasUnknownSparsity(): boolean {
    const { router } = this.#routing;
    return router !== undefined && router.modes.length > 1 && router.expectedSparseHeads === undefined;
  }

  /** Share of sparse heads that the prefill found; undefined before. */
  get modelSparsity(): number | undefined {
    const heads = this.#routed?.assignment.flat();
    return heads === undefined ? undefined : heads.filter((mode) => mode > 0).length / heads.length;
  }

  /** Enters its session. @throws InvalidRequestError while another turn of it runs */
  join(sessions: SessionStore): void {
    const { session } = this.request;
    if (session === undefined) return;
    sessions.begin(session);
    this.#joined = true;
  }

  /** What this request will need, as if nothing were cached. @param sparsity where the router cannot say: what to reckon with */
  predict(sparsity: number | undefined): MemoryPrediction {
    const { tokens, maxNewTokens } = this.#plan;
    const { router } = this.#routing;
    return this.context.model.decoder.predictMemory({
      sequences: [
        {
          tokens: tokens.length,
          reserveTokens: Math.min(maxNewTokens, maximumReserve),
          decode: this.request.decode ?? "routed",
          router,
          ...(this.hasUnknownSparsity ? { sparsity } : {}),
        },
      ],
    });
  }

  /** Begins the prefill: of what follows the session's cache, or of the whole prompt. @throws OutOfMemoryError */
  start(sessions: SessionStore): void {
    const { model, tokenizer } = this.context;
    const { session, reroute = false } = this.request;
    const { tokens, text, maxNewTokens } = this.#plan;
    const { router } = this.#routing;
    this.#begun = performance.now();
    this.#interruptedSeconds = 0;
    const held = session === undefined ? undefined : sessions.take(session);
    const rest = held === undefined || reroute || held.routingKey !== this.#routingKey ? undefined : continuation({ tokens, text }, held, tokenizer);
    const fits = held !== undefined && rest !== undefined && held.cachedTokens.length + rest.length + maxNewTokens <= model.spec.contextLength;
    if (!fits) held?.cache.dispose();
    this.#held = fits ? held : undefined;
    this.#appended = fits ? rest : tokens;
    this.#measured.reusedTokens = fits ? held.cachedTokens.length : 0;
    const { spec, decoder } = model;
    const { backend, dtype } = decoder;
    this.#cache = fits
      ? held.cache
      : new SequenceCache({
          backend,
          numLayers: spec.numLayers,
          numKeyValueHeads: spec.numKeyValueHeads,
          headDim: spec.headDim,
          dtype,
          decode: this.request.decode ?? "routed",
          reserveTokens: Math.min(maxNewTokens, maximumReserve),
          ...(this.context.pool === undefined ? {} : { pool: this.context.pool }),
        });
    this.state = "prefill";
    this.#sampler = new TokenSampler(backend, spec.vocabularySize, { ...this.#sampling, seed: this.#seed }, tokens);
    this.prefill = decoder.startPrefill({ sequences: [{ tokens: this.#appended, cache: this.#cache, ...(router === undefined ? {} : { router }) }] });
  }

  /** Tells how far the prefill is. */
  tellProgress(): void {
    const { layersDone, layersTotal } = this.prefill!;
    for (; this.layersTold < layersDone; this.layersTold++) {
      this.events.push({ type: "progress", layersDone: this.layersTold + 1, layersTotal, promptTokens: this.#measured.promptTokens });
    }
  }

  /** Others took a decode step while the prefill ran. */
  interrupt(seconds: number): void {
    this.#interruptedSeconds += seconds;
  }

  /** The prefill has ended; its result was taken. */
  endPrefill(routing: SequenceRouting): void {
    this.prefill?.[Symbol.dispose]();
    this.prefill = undefined;
    // A turn that goes on keeps the plan of the first.
    this.#routed = this.#held === undefined ? routing : { assignment: this.#held.assignment, blocks: routing.blocks };
    this.#measured.prefillSeconds = (performance.now() - this.#begun) / 1000 - this.#interruptedSeconds;
    this.state = "decode";
  }

  /** Takes a token that the model gave, in a decode step or in none. @returns why the answer ends with it, if it does */
  takeToken(token: number, step?: DecodeStep): FinishReason | undefined {
    if (step !== undefined) {
      this.#measured.decodeSteps += 1;
      this.#measured.decodeSeconds += step.seconds;
      this.#measured.decodeShareSeconds += step.seconds / step.requests;
    }
    this.#measured.newTokens += 1;
    this.#generated.push(token);
    const atEnd = this.context.endOfText.has(token);
    const atLimit = this.#measured.newTokens === this.#plan.maxNewTokens;
    const text = (atEnd ? "" : this.#text.push(token)) + (atEnd || atLimit ? this.#text.flush() : "");
    this.events.push({ type: "token", id: token, text });
    if (this.#text.stopped) return "stop";
    if (atEnd) return "end-of-text";
    return atLimit ? "length" : undefined;
  }

  get wantsTokens(): boolean {
    return this.#plan.maxNewTokens > 0;
  }

  /** The last event; the cache goes to the session or is freed. */
  finish(reason: FinishReason, sessions: SessionStore): void {
    const report = routingReport(this.#measured, this.#routing, this.#routed, this.state === "decode" ? this.#cache : undefined);
    this.#leave(sessions, this.#sessionState());
    this.events.push({ type: "finish", reason, text: this.#text.whole, report });
    this.events.end();
  }

  /** The reader gets the error; everything is freed. */
  fail(error: unknown, sessions: SessionStore): void {
    this.#leave(sessions);
    this.events.fail(error);
  }

  /** Back to the queue as it came: the memory was not enough for it now. */
  requeue(): void {
    this.#release();
    this.#held = undefined;
    this.state = "queued";
    this.layersTold = 0;
  }

  get #routingKey(): string {
    const { mode, sparsity, decode = "routed", router } = this.request;
    // A router of the caller's own is another one every time, as far as anybody can tell.
    return JSON.stringify([mode, sparsity, decode, router === undefined ? 0 : Math.random()]);
  }

  #sessionState(): SessionState | undefined {
    if (this.request.session === undefined || this.state !== "decode") return undefined;
    const { text } = this.#plan;
    const { endOfText } = this.context;
    const before = [...(this.#held?.cachedTokens ?? []), ...Array.from(this.#appended)];
    // Every token but the last was fed to the model.
    const [fed, last] = [this.#generated.slice(0, -1), this.#generated.at(-1)];
    return {
      cache: this.#cache!,
      cachedTokens: [...before, ...fed],
      pendingTokens: last === undefined || endOfText.has(last) ? [] : [last],
      text: text === undefined ? undefined : text + this.#text.raw,
      routingKey: this.#routingKey,
      assignment: this.#routed!.assignment,
    };
  }

  #leave(sessions: SessionStore, kept?: SessionState): void {
    if (kept !== undefined) this.#cache = undefined;
    this.#release();
    this.state = "done";
    if (this.#joined) sessions.end(this.request.session!, kept);
  }

  #release(): void {
    this.prefill?.[Symbol.dispose]();
    this.prefill = undefined;
    this.#cache?.dispose();
    this.#cache = undefined;
    this.#sampler?.[Symbol.dispose]();
    this.#sampler = undefined;
  }
}
