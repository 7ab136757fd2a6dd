import type { SequenceCache } from "@elastic-attention/attention";
import type { Draw, PrefillSequence, SequenceRouting, TokenSampler } from "@elastic-attention/transformer";
import type { EngineContext } from "../engine-context.js";
import { giveBack } from "../give-back.js";
import { BatchFaults } from "../schedule/batch-faults.js";
import type { RequestView } from "../schedule/decide-step.js";
import type { PrefillState } from "../schedule/prefill-progress.js";
import { Answer, type FinishReason } from "../answer/answer.js";
import type { AnswerGroup } from "../answer/answer-group.js";
import { AnswerSampler } from "../answer/answer-sampler.js";
import { StepDraft } from "../speculation/step-draft.js";
import { type DecodeStep, Measurements } from "./measurements.js";
import type { PreparedRequest } from "./prepared-request.js";
import { PromptSource } from "./prompt-source.js";
import { RequestMemory } from "./request-memory.js";
import { type ReportedRouting, routingReport } from "./routing-report.js";

/**
 * One answer of a request from its arrival to its end. It is advanced by the scheduler; its memory is its cache and its sampler, which
 * {@link requeue}, {@link finish} and {@link fail} give back at any time.
 */
export class ActiveRequest implements RequestView {
  /** Where what it has read comes from and goes to. */
  readonly source: PromptSource;
  readonly memory: RequestMemory;
  readonly draft: StepDraft;
  state: "queued" | "prefill" | "decode" | "done" = "queued";
  arrival = 0;
  readonly faults = new BatchFaults();
  waitsForMemory = false;
  /** Whether nobody else held memory when it was started: what it lacks then it will always lack. */
  startedAlone = false;
  readonly #answer: Answer;
  readonly #drawing: AnswerSampler;
  readonly #measured: Measurements;
  #cache: SequenceCache | undefined;
  #sampler: TokenSampler | undefined;
  #routed: ReportedRouting | undefined;

  /** Nothing is computed or allocated yet. @throws TokenizerError */
  constructor(
    context: EngineContext,
    private readonly prepared: PreparedRequest,
    /** All answers of the request, this one among them, and where their events go. */
    readonly group: AnswerGroup,
    private readonly index: number,
  ) {
    const { choice, tokenizer, endOfText, sparsity } = context;
    const { checked, routing } = prepared;
    this.#answer = new Answer(checked, endOfText, tokenizer);
    this.#drawing = new AnswerSampler(context, prepared, index);
    this.draft = new StepDraft(context, checked.tokens, this.#answer);
    this.source = new PromptSource(context, prepared);
    // Room for all answers is asked for by the one that reads the prompt.
    const counted = index === 0 ? checked : { ...checked, count: 1 };
    this.memory = new RequestMemory(choice.model.decoder, counted, routing, sparsity, () => this.source.heldTokens);
    this.#measured = new Measurements(this.promptTokens);
  }

  get session(): string | undefined {
    return this.prepared.request.session;
  }

  get promptTokens(): number {
    return this.prepared.checked.tokens.length;
  }

  get keepsUp(): boolean {
    return this.group.keepsUp;
  }

  /** Why it was given no token, where its constraint is the reason. */
  get problem(): Error | undefined {
    return this.#drawing.problem;
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
    return this.prepared.checked.maxNewTokens > 0;
  }

  /** Takes its memory; {@link nextPart} then says what to read. @throws OutOfMemoryError, TokenizerError */
  start(alone: boolean): void {
    const { decode, maxNewTokens } = this.prepared.checked;
    this.#begin(alone);
    this.#cache = this.source.open(decode, maxNewTokens, this.memory.reserveTokens);
    this.#measured.reusedTokens = this.source.reusedTokens;
    this.#sampler = this.#drawing.start();
  }

  /**
   * Takes its memory, and what another answer of its request has read of the prompt, instead of {@link start}.
   * @throws OutOfMemoryError; the request is as before, once it is requeued
   */
  startFrom({ cache, source }: ActiveRequest): void {
    this.#begin(false);
    this.#cache = this.source.openLike(source, cache);
    this.#measured.reusedTokens = this.promptTokens;
    this.#sampler = this.#drawing.start();
  }

  #begin(alone: boolean): void {
    this.state = "prefill";
    this.startedAlone = alone;
    this.waitsForMemory = false;
  }

  /** The next part of the prompt for a prefill; undefined when all has been read. */
  nextPart(): PrefillSequence | undefined {
    const part = this.source.nextPart(this.cache);
    if (part === undefined) return undefined;
    const { tokens, cache, left } = part;
    this.#cache = cache;
    const { router } = this.prepared.routing;
    return { tokens, cache, rotaryLength: cache.length + tokens.length + left, ...(router === undefined ? {} : { router }) };
  }

  /** Tells how far the prefill is: each layer once, and more often where layers take long. @param headsOf modes of a layer's heads */
  tellProgress(reading: PrefillState, headsOf: (layer: number) => readonly number[]): void {
    const heads = (layer: number) => this.source.assignment?.[layer] ?? headsOf(layer);
    for (const event of this.group.progress.next(reading, this.#measured.reusedTokens, heads)) this.group.events.push(event);
  }

  /** The prompt has been read. */
  endPrefill({ modes, assignment, blocks }: SequenceRouting, seconds: number): void {
    // Whoever goes on keeps the plan of the first.
    this.#routed = { modes, assignment: this.source.assignment ?? assignment, blocks };
    this.source.promptRead(this.cache, this.#routed);
    this.#measured.prefillSeconds = seconds;
    this.state = "decode";
    this.memory.learn(this.#routed.assignment);
  }

  /** A decode step has been taken. @param draws what it gave */
  countStep(step: DecodeStep, draws: readonly Draw[]): void {
    this.#measured.addStep(step);
    this.draft.drafts?.stepped(this.draft.tokens.length, draws.length - 1);
  }

  /** Takes a token that the model gave, in a decode step or in none. @returns why the answer ends with it, if it does */
  takeToken(draw: Draw, inStep: boolean): FinishReason | undefined {
    if (inStep) {
      this.#measured.decodedTokens += 1;
      this.source.tokenRead(this.cache, this.#routed!);
    }
    this.faults.tokenGiven();
    const taken = this.#answer.take(draw.token, draw.isLast);
    if (taken === undefined) return undefined;
    this.draft.drafts?.push(draw.token);
    this.group.events.push({ ...taken.event, answer: this.index, ...this.#drawing.chancesOf(draw) });
    return taken.reason;
  }

  /** The last event; the cache goes to the session or is freed. */
  finish(reason: FinishReason): void {
    const { text, numTokens, stopText } = this.#answer;
    const cache = this.state === "decode" ? this.#cache : undefined;
    const report = routingReport(this.#measured, numTokens, this.#drawing.settings, this.prepared.routing, this.#routed, cache && this.memory.held(cache), this.draft.drafts);
    if (cache !== undefined && this.source.keep(this.#answer, cache, this.#routed!)) this.#cache = undefined;
    this.#release("done");
    this.source.leave();
    this.group.events.push({ type: "finish", answer: this.index, reason, text, report, ...(stopText === undefined ? {} : { stopText }) });
    this.group.answerEnded();
  }

  /** The reader gets the error; everything is freed. */
  fail(error: unknown): void {
    this.#release("done");
    this.source.leave();
    this.group.events.fail(error);
  }

  /** Gives its memory back and waits to be read again; its tokens stay. */
  requeue(): void {
    this.#release("queued");
    this.source.lose();
    this.#answer.restart();
  }

  #release(state: "queued" | "done"): void {
    this.state = state;
    this.draft.tokens = [];
    giveBack(this.#cache);
    this.#cache = undefined;
    giveBack(this.#sampler);
    this.#sampler = undefined;
  }
}
