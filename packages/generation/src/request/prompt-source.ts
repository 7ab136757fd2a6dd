import type { SequenceCache } from "@elastic-attention/attention";
import type { DecoderModel } from "@elastic-attention/transformer";
import type { EngineContext } from "../engine-context.js";
import { RequestPrefix } from "../prefix/request-prefix.js";
import { routingKeyOf, SessionTurn } from "../session/session-turn.js";
import type { SessionPlan, SessionState } from "../session/session-store.js";
import type { Answer } from "../answer/answer.js";
import type { PreparedRequest } from "./prepared-request.js";
import type { ReportedRouting } from "./routing-report.js";

/** Where an answer's keys and values come from, and who has them afterwards: its session, the cache of prefixes, or nobody. */
export class PromptSource {
  readonly #turn: SessionTurn;
  readonly #prefix: RequestPrefix;
  readonly #reroutes: boolean;
  #parts: Int32Array[] = [];
  /** What the session gets. */
  #left: SessionState | undefined;

  constructor(
    private readonly context: EngineContext,
    { request, checked, routing }: PreparedRequest,
  ) {
    const { sessions, prefixes } = context;
    this.#reroutes = request.reroute === true;
    this.#turn = new SessionTurn(request, checked, sessions);
    const use = request.prefix ?? "reuse";
    this.#prefix = new RequestPrefix(prefixes, this.#decoder, use, checked, routing, routingKeyOf(request));
  }

  /** Tokens of the prompt that would not be read if it began now. */
  get heldTokens(): number {
    return this.#prefix.heldTokens;
  }

  /** Of the prompt's tokens, those that were not read. */
  get reusedTokens(): number {
    return this.#turn.reusedTokens + this.#prefix.reusedTokens;
  }

  /** The plan that it goes on under, where it keeps another's. */
  get assignment(): ReportedRouting["assignment"] | undefined {
    return this.#turn.heldAssignment ?? this.#prefix.assignment;
  }

  /** Enters the session. @throws InvalidRequestError while another turn of it runs */
  join(): void {
    this.#turn.join();
  }

  /**
   * The cache that the prompt goes on from; {@link nextPart} then says what to read. It is the caller's.
   *
   * @param newTokens that will follow the prompt
   * @param reserveTokens room to make for them at once
   * @throws OutOfMemoryError, TokenizerError
   */
  open(decode: SequenceCache["decode"], newTokens: number, reserveTokens: number): SequenceCache {
    const held = this.#turn.begin(this.context.tokenizer, this.#decoder.spec.contextLength - newTokens);
    const resumed = held === undefined && !this.#turn.goesOn ? this.#prefix.open(this.#reroutes) : undefined;
    // A turn whose cache is gone reads all under the session's plan, where its router did not make it.
    const { plan } = this.#turn;
    const cache = held ?? resumed ?? this.#decoder.createCache({ decode, reserveTokens, ...(plan === undefined ? {} : { modes: plan.modes }) });
    this.#parts = resumed === undefined ? this.#turn.parts : this.#prefix.parts;
    if (!this.#turn.goesOn) this.#prefix.requestStates(cache);
    return cache;
  }

  /** Goes on from what another answer of the same request has read. @throws OutOfMemoryError */
  openLike(other: PromptSource, cache: SequenceCache): SequenceCache {
    this.#turn.begin(this.context.tokenizer, this.#decoder.spec.contextLength);
    this.#prefix.beginLike(other.#prefix);
    return this.#decoder.forkCache(cache);
  }

  /** The next tokens to read, into which cache, and how many follow them; undefined when the prompt has been read. */
  nextPart(cache: SequenceCache): { readonly tokens: Int32Array; readonly cache: SequenceCache; readonly left: number } | undefined {
    const tokens = this.#parts.shift();
    if (tokens === undefined) return undefined;
    const left = this.#parts.reduce((sum, { length }) => sum + length, 0);
    return { tokens, cache: this.#prefix.nextCache(cache), left };
  }

  /** The prompt has been read: states that were taken on the way go to the cache of prefixes. */
  promptRead(cache: SequenceCache, routed: ReportedRouting): void {
    if (!this.#turn.goesOn) this.#prefix.leaveStates(cache, routed);
  }

  /** The model has read a token of the answer: where the next turn could go on from here, the state is kept. */
  tokenRead(cache: SequenceCache, routed: ReportedRouting): void {
    if (!this.#turn.isOfSession) this.#prefix.passToken(cache, routed);
  }

  /**
   * The answer has ended: what the next turn can go on from is kept.
   * @returns whether the session takes the cache over
   */
  keep(answer: Answer, cache: SequenceCache, routed: ReportedRouting): boolean {
    this.#prefix.leaveAnswer(answer.readAndPending[0], routed);
    // The plan that the session's next turns go on under, where no router of theirs has made it.
    const plan: SessionPlan | undefined = this.#prefix.reusedTokens === 0 ? this.#turn.plan : routed;
    this.#left = this.#turn.stateAfter(answer, cache, routed.assignment, plan);
    return this.#left !== undefined;
  }

  /** Leaves the session, with what was kept if anything. */
  leave(): void {
    this.forget();
    this.#turn.leave(this.#left);
  }

  /** The cache is gone: all is read again, under the same plan. */
  lose(): void {
    this.forget();
    this.#turn.loseCache();
  }

  /** Memory was lacking: nothing is taken for others any more. @returns whether something was before */
  stopLeaving(): boolean {
    return this.#prefix.stopLeaving();
  }

  /** Gives back what of the answer was kept for the next turn. @returns whether there was something */
  forget(): boolean {
    return this.#prefix.dropAnswer();
  }

  get #decoder(): DecoderModel {
    return this.context.choice.model.decoder;
  }
}
