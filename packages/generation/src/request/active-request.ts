import type { SequenceCache } from "@elastic-attention/attention";
import { type PrefillSequence, type SequenceRouting, TokenSampler } from "@elastic-attention/transformer";
import type { EngineContext } from "../engine-context.js";
import type { RequestView } from "../schedule/decide-step.js";
import { giveBack } from "../give-back.js";
import { RequestPrefix } from "../prefix/request-prefix.js";
import { routingKeyOf, SessionTurn } from "../session/session-turn.js";
import type { SessionPlan } from "../session/session-store.js";
import { Answer, type FinishReason } from "./answer.js";
import { BatchFaults } from "./batch-faults.js";
import { type CheckedRequest, checkRequest } from "./checked-request.js";
import { EventQueue } from "./event-queue.js";
import type { GenerationEvent, GenerationRequest } from "./generation-request.js";
import { type DecodeStep, Measurements } from "./measurements.js";
import { RequestMemory } from "./request-memory.js";
import { type RequestRouting, routeRequest } from "./request-routing.js";
import { type ReportedRouting, routingReport } from "./routing-report.js";

/** Events that a request is ahead of its reader at most. */
const mostUnread = 32;

/**
 * One request from its arrival to its end. It is advanced by the scheduler; its memory is its cache and its sampler, which
 * {@link requeue}, {@link finish} and {@link fail} give back at any time.
 */
export class ActiveRequest implements RequestView {
  readonly events: EventQueue<GenerationEvent>;
  /** Its session, if it has one. */
  readonly turn: SessionTurn;
  /** What it takes from the cache of prefixes and leaves there. */
  readonly prefix: RequestPrefix;
  readonly memory: RequestMemory;
  state: "queued" | "prefill" | "decode" | "done" = "queued";
  arrival = 0;
  readonly faults = new BatchFaults();
  waitsForMemory = false;
  /** Whether nobody else held memory when it was started: what it lacks then it will always lack. */
  startedAlone = false;
  readonly #checked: CheckedRequest;
  readonly #routing: RequestRouting;
  readonly #answer: Answer;
  readonly #measured: Measurements;
  #parts: Int32Array[] = [];
  #cache: SequenceCache | undefined;
  #sampler: TokenSampler | undefined;
  #routed: ReportedRouting | undefined;
  #layersTold = 0;

  /** Checks the request; nothing is computed or allocated yet. @throws InvalidRequestError, TokenizerError */
  constructor(
    private readonly context: EngineContext,
    readonly request: GenerationRequest,
    onRead: () => void,
  ) {
    const { choice, tokenizer, defaults, endOfText, sessions, sparsity, prefixes } = context;
    const { prefix = "reuse" } = request;
    const routing = routeRequest(choice, request);
    // What is pinned is read with every head full.
    this.#routing = prefix === "pin" ? routeRequest(choice, { mode: "full" }) : routing;
    this.#checked = checkRequest(request, tokenizer, choice.model.spec, defaults);
    this.#answer = new Answer(this.#checked, endOfText, tokenizer);
    this.events = new EventQueue(onRead);
    this.turn = new SessionTurn(request, this.#checked, sessions);
    this.prefix = new RequestPrefix(prefixes, choice.model.decoder, prefix, this.#checked, this.#routing, routingKeyOf(request));
    this.memory = new RequestMemory(choice.model.decoder, this.#checked, this.#routing, sparsity);
    this.#measured = new Measurements(this.promptTokens);
  }

  get promptTokens(): number {
    return this.#checked.tokens.length;
  }

  get session(): string | undefined {
    return this.request.session;
  }

  get keepsUp(): boolean {
    return this.events.unread < mostUnread;
  }

  /** Keys and values while it decodes. */
  get cache(): SequenceCache {
    return this.#cache!;
  }

  get sampler(): TokenSampler {
    return this.#sampler!;
  }

  get lastToken(): number {
    return this.#answer.lastGiven;
  }

  get wantsTokens(): boolean {
    return this.#checked.maxNewTokens > 0;
  }

  /** Takes its memory; {@link nextPart} then says what to read. @throws OutOfMemoryError, TokenizerError */
  start(alone: boolean): void {
    const { choice, tokenizer } = this.context;
    const { decoder } = choice.model;
    const { tokens, decode, maxNewTokens, settings } = this.#checked;
    this.state = "prefill";
    this.startedAlone = alone;
    this.waitsForMemory = false;
    const held = this.turn.begin(tokenizer, decoder.spec.contextLength - maxNewTokens);
    const resumed = held === undefined && !this.turn.goesOn ? this.prefix.open(this.request.reroute === true) : undefined;
    this.#cache = held ?? resumed ?? decoder.createCache({ decode, reserveTokens: this.memory.reserveTokens, ...this.#lostPlan });
    this.#parts = resumed === undefined ? this.turn.parts : this.prefix.parts;
    this.#measured.reusedTokens = this.turn.reusedTokens + this.prefix.reusedTokens;
    // An answer's keys were not made by a prefill: what comes behind them is not what a prompt gives, to the last bit.
    if (!this.turn.goesOn) this.prefix.requestStates(this.#cache);
    this.#sampler = new TokenSampler(decoder.backend, decoder.spec.vocabularySize, settings, tokens);
  }

  /** The next part of the prompt for a prefill; undefined when all has been read. */
  nextPart(): PrefillSequence | undefined {
    const tokens = this.#parts.shift();
    const { router } = this.#routing;
    if (tokens === undefined) return undefined;
    this.#cache = this.prefix.nextCache(this.cache);
    const rotaryLength = this.cache.length + tokens.length + this.#parts.reduce((sum, { length }) => sum + length, 0);
    return { tokens, cache: this.cache, rotaryLength, ...(router === undefined ? {} : { router }) };
  }

  /** Tells how far the prefill is, each layer once. */
  tellProgress(layersDone: number, layersTotal: number, headsOf: (layer: number) => readonly number[]): void {
    while (this.#layersTold < layersDone) {
      const heads = this.turn.heldAssignment?.[this.#layersTold] ?? headsOf(this.#layersTold);
      this.#layersTold += 1;
      this.events.push({ type: "progress", layersDone: this.#layersTold, layersTotal, promptTokens: this.promptTokens, heads });
    }
  }

  /** The prompt has been read. */
  endPrefill({ modes, assignment, blocks }: SequenceRouting, seconds: number): void {
    // Whoever goes on keeps the plan of the first.
    this.#routed = { modes, assignment: this.turn.heldAssignment ?? this.prefix.assignment ?? assignment, blocks };
    if (!this.turn.goesOn) this.prefix.leaveStates(this.cache, this.#routed);
    this.#measured.prefillSeconds = seconds;
    this.state = "decode";
    this.memory.learn(this.#routed.assignment);
  }

  /** Takes a token that the model gave, in a decode step or in none. @returns why the answer ends with it, if it does */
  takeToken(token: number, step?: DecodeStep): FinishReason | undefined {
    if (step !== undefined) this.#measured.addStep(step);
    this.faults.tokenGiven();
    const taken = this.#answer.take(token);
    if (taken !== undefined) this.events.push(taken.event);
    return taken?.reason;
  }

  /** The last event; the cache goes to the session or is freed. */
  finish(reason: FinishReason): void {
    const { text, numTokens } = this.#answer;
    const cache = this.state === "decode" ? this.#cache : undefined;
    const report = routingReport(this.#measured, numTokens, this.#checked.settings, this.#routing, this.#routed, cache && this.memory.held(cache));
    const kept = cache === undefined ? undefined : this.turn.stateAfter(this.#answer, cache, this.#routed!.assignment, this.#planLeft);
    if (kept !== undefined) this.#cache = undefined;
    this.#release("done");
    this.turn.leave(kept);
    this.events.push({ type: "finish", reason, text, report });
    this.events.end();
  }

  /** The reader gets the error; everything is freed. */
  fail(error: unknown): void {
    this.#release("done");
    this.turn.leave();
    this.events.fail(error);
  }

  /** Gives its memory back and waits to be read again; its tokens stay. */
  requeue(): void {
    this.#release("queued");
    this.turn.loseCache();
    this.#answer.restart();
  }

  /** A turn whose cache is gone reads all under the session's plan, where its router did not make it. */
  get #lostPlan(): Pick<SessionPlan, "modes"> | undefined {
    const { plan } = this.turn;
    return plan === undefined ? undefined : { modes: plan.modes };
  }

  /** The plan that the session's next turns go on under, where no router of theirs has made it. */
  get #planLeft(): SessionPlan | undefined {
    return this.prefix.reusedTokens === 0 ? this.turn.plan : this.#routed;
  }

  #release(state: "queued" | "done"): void {
    this.state = state;
    giveBack(this.#cache);
    this.#cache = undefined;
    giveBack(this.#sampler);
    this.#sampler = undefined;
  }
}
