import type { SequenceCache } from "@elastic-attention/attention";
import { type PrefillSequence, type SequenceRouting, TokenSampler } from "@elastic-attention/transformer";
import type { EngineContext } from "../engine-context.js";
import type { RequestView } from "../schedule/decide-step.js";
import { giveBack } from "../give-back.js";
import { RequestPrefix } from "../prefix/request-prefix.js";
import { answerSeed } from "../sampling/answer-seed.js";
import { ConstrainedAnswer } from "../sampling/constrained-answer.js";
import { routingKeyOf, SessionTurn } from "../session/session-turn.js";
import type { SessionPlan } from "../session/session-store.js";
import { tokenizing } from "../tokenizer/tokenizing.js";
import { Answer, type FinishReason } from "./answer.js";
import { BatchFaults } from "./batch-faults.js";
import type { AnswerGroup } from "./answer-group.js";
import type { CheckedRequest } from "./checked-request.js";
import type { TokenLogprobs } from "./generation-request.js";
import type { GenerationSettings } from "./generation-settings.js";
import { type DecodeStep, Measurements } from "./measurements.js";
import type { PrefillState } from "./prefill-progress.js";
import type { PreparedRequest } from "./prepared-request.js";
import { RequestMemory } from "./request-memory.js";
import type { RequestRouting } from "./request-routing.js";
import { type ReportedRouting, routingReport } from "./routing-report.js";

/**
 * One answer of a request from its arrival to its end. It is advanced by the scheduler; its memory is its cache and its sampler, which
 * {@link requeue}, {@link finish} and {@link fail} give back at any time.
 */
export class ActiveRequest implements RequestView {
  readonly session: string | undefined;
  /** Its turn of its session, or of none. */
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
  readonly #settings: GenerationSettings;
  readonly #reroute: boolean;
  readonly #answer: Answer;
  readonly #measured: Measurements;
  #parts: Int32Array[] = [];
  #cache: SequenceCache | undefined;
  #sampler: TokenSampler | undefined;
  #routed: ReportedRouting | undefined;
  readonly #constrained: ConstrainedAnswer | undefined;

  /** Nothing is computed or allocated yet. @throws TokenizerError */
  constructor(
    private readonly context: EngineContext,
    { request, checked, routing, constraints }: PreparedRequest,
    /** All answers of the request, this one among them, and where their events go. */
    readonly group: AnswerGroup,
    private readonly index: number,
  ) {
    const { choice, tokenizer, endOfText, sessions, sparsity, prefixes } = context;
    const { session, reroute = false, prefix = "reuse" } = request;
    this.session = session;
    this.#reroute = reroute;
    this.#routing = routing;
    this.#checked = checked;
    this.#settings = { ...checked.settings, seed: answerSeed(checked.settings.seed, index) };
    this.#answer = new Answer(checked, endOfText, tokenizer);
    this.turn = new SessionTurn(request, checked, sessions);
    this.prefix = new RequestPrefix(prefixes, choice.model.decoder, prefix, checked, routing, routingKeyOf(request));
    this.memory = new RequestMemory(choice.model.decoder, checked, routing, sparsity);
    this.#measured = new Measurements(this.promptTokens);
    const constraint = constraints[index];
    const { vocabularySize } = choice.model.spec;
    this.#constrained = constraint && new ConstrainedAnswer(request.constraint!.name, constraint, vocabularySize, this.#answer);
  }

  get promptTokens(): number {
    return this.#checked.tokens.length;
  }

  get keepsUp(): boolean {
    return this.group.keepsUp;
  }

  /** Why it was given no token, where its constraint is the reason. */
  get problem(): Error | undefined {
    return this.#constrained?.problem;
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
    const { decode, maxNewTokens } = this.#checked;
    this.state = "prefill";
    this.startedAlone = alone;
    this.waitsForMemory = false;
    const held = this.turn.begin(tokenizer, decoder.spec.contextLength - maxNewTokens);
    const resumed = held === undefined && !this.turn.goesOn ? this.prefix.open(this.#reroute) : undefined;
    this.#cache = held ?? resumed ?? decoder.createCache({ decode, reserveTokens: this.memory.reserveTokens, ...this.#lostPlan });
    this.#parts = resumed === undefined ? this.turn.parts : this.prefix.parts;
    this.#measured.reusedTokens = this.turn.reusedTokens + this.prefix.reusedTokens;
    // An answer's keys were not made by a prefill: what comes behind them is not what a prompt gives, to the last bit.
    if (!this.turn.goesOn) this.prefix.requestStates(this.#cache);
    this.#sampler = this.#newSampler();
  }

  /**
   * Takes its memory, and what another answer of its request has read of the prompt, instead of {@link start}.
   * @throws OutOfMemoryError; the request is as before, once it is requeued
   */
  startFrom({ cache, prefix }: ActiveRequest): void {
    const { tokenizer, choice } = this.context;
    this.state = "prefill";
    this.startedAlone = false;
    this.turn.begin(tokenizer, choice.model.spec.contextLength);
    this.prefix.beginLike(prefix);
    this.#cache = choice.model.decoder.forkCache(cache);
    this.#measured.reusedTokens = this.promptTokens;
    this.#sampler = this.#newSampler();
  }

  #newSampler(): TokenSampler {
    const { backend, spec } = this.context.choice.model.decoder;
    const { tokens, logprobs, logitBias } = this.#checked;
    const parameters = { ...this.#settings, ...(logitBias === undefined ? {} : { logitBias }), topLogProbabilities: logprobs };
    return new TokenSampler(backend, spec.vocabularySize, parameters, tokens, this.#constrained);
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

  /** Tells how far the prefill is: each layer once, and more often where layers take long. @param headsOf modes of a layer's heads */
  tellProgress(reading: PrefillState, headsOf: (layer: number) => readonly number[]): void {
    const heads = (layer: number) => this.turn.heldAssignment?.[layer] ?? this.prefix.assignment?.[layer] ?? headsOf(layer);
    for (const event of this.group.progress.next(reading, this.#measured.reusedTokens, heads)) this.group.events.push(event);
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
    const isNew = this.#answer.isCaughtUp;
    if (isNew) this.#constrained?.accept(token);
    const taken = this.#answer.take(token, isNew && this.#constrained?.isDone === true);
    if (taken === undefined) return undefined;
    const logprobs = this.#logprobs();
    this.group.events.push({ ...taken.event, answer: this.index, ...(logprobs === undefined ? {} : { logprobs }) });
    return taken.reason;
  }

  /** Of the last token. */
  #logprobs(): TokenLogprobs | undefined {
    const told = this.sampler.logProbabilities;
    if (told === undefined) return undefined;
    const { tokenizer } = this.context;
    const text = (id: number) => tokenizing(() => tokenizer.decode([id], { skipSpecialTokens: false }));
    return { logprob: told.logProbability, top: told.top.map(({ token, logProbability }) => ({ id: token, text: text(token), logprob: logProbability })) };
  }

  /** The last event; the cache goes to the session or is freed. */
  finish(reason: FinishReason): void {
    const { text, numTokens } = this.#answer;
    const cache = this.state === "decode" ? this.#cache : undefined;
    const report = routingReport(this.#measured, numTokens, this.#settings, this.#routing, this.#routed, cache && this.memory.held(cache));
    const kept = cache === undefined ? undefined : this.turn.stateAfter(this.#answer, cache, this.#routed!.assignment, this.#planLeft);
    if (kept !== undefined) this.#cache = undefined;
    this.#release("done");
    this.turn.leave(kept);
    this.group.events.push({ type: "finish", answer: this.index, reason, text, report });
    this.group.answerEnded();
  }

  /** The reader gets the error; everything is freed. */
  fail(error: unknown): void {
    this.#release("done");
    this.turn.leave();
    this.group.events.fail(error);
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
