import { type CacheSnapshot, patternOf, type SequenceCache } from "@elastic-attention/attention";
import type { ScoringRouter } from "@elastic-attention/router";
import type { DecoderModel, SequenceRouting } from "@elastic-attention/transformer";
import { giveBack } from "../give-back.js";
import type { CheckedRequest } from "../request/checked-request.js";
import type { RequestRouting } from "../request/request-routing.js";
import { type CachedPrefix, type HeadModes, readsAlikeInParts } from "./cached-prefix.js";
import { checkpointLengths, leastRead } from "./checkpoint-lengths.js";
import { pinnedKey, type PrefixCache, type PrefixMatch } from "./prefix-cache.js";

/** What a request wants of the prefix cache. */
export type PrefixUse = "reuse" | "pin" | "none";

/** What one request takes from the prefix cache, and what it leaves there. */
export class RequestPrefix {
  #begun = false;
  /** What it went on from at first. */
  #match: PrefixMatch | undefined;
  /** The plan that was read by. */
  #modes: HeadModes | undefined;
  #reused = 0;
  /** What was found before it began, and which changes of the cache that knows. */
  #looked: { readonly changes: number; readonly length: number } | undefined;
  /** Whether a pinned prefix is gone since: it is read by itself, with every head full. */
  #readsPinnedAgain = false;
  /** Whether it may leave states: not after memory was lacking, as those take some. */
  #leaves = true;
  /** The last whole block of the answer so far. */
  #answerState: CacheSnapshot | undefined;
  /** Whether others can go on from what was read under a plan. */
  #continues: { readonly modes: HeadModes; readonly value: boolean } | undefined;

  /** @param routingKey what the plan is made from; undefined for a router of the caller's own, which is another one every time */
  constructor(
    private readonly prefixes: PrefixCache,
    private readonly decoder: DecoderModel,
    private readonly use: PrefixUse,
    private readonly request: Pick<CheckedRequest, "tokens" | "decode">,
    private readonly routing: Pick<RequestRouting, "kind" | "router">,
    private readonly routingKey: string | undefined,
  ) {}

  /** Of the prompt's tokens, those that are not read. */
  get reusedTokens(): number {
    return this.#reused;
  }

  /** The plan that its prefix was given, where it keeps one. */
  get assignment(): CachedPrefix["assignment"] | undefined {
    const prefix = this.#match?.prefix;
    return prefix?.isPinned === false ? prefix.assignment : undefined;
  }

  get #pinnedTokens(): number {
    return this.#match!.length;
  }

  /**
   * The cache of the longest prefix that the prompt can go on from; undefined where there is none. When the request begins
   * again it goes on as it did at first: what is gone is read again, under the same plan.
   */
  open(rerouted: boolean): SequenceCache | undefined {
    if (!this.#begun && !rerouted) this.#find();
    this.#begun = true;
    const { decode } = this.request;
    const { decoder } = this;
    const match = this.#match;
    this.#readsPinnedAgain = false;
    this.#reused = match === undefined || match.prefix.isGone ? 0 : match.length;
    if (match === undefined) return undefined;
    const { prefix, length } = match;
    if (!prefix.isGone) return decoder.caches.resume(prefix.snapshot, { decode, length, keepModes: !prefix.isPinned });
    if (!prefix.isPinned) return decoder.createCache({ decode, modes: this.#modes! });
    this.#readsPinnedAgain = true;
    return decoder.createCache({ decode, modes: this.#modes! });
  }

  /** What another answer of the same request has begun with is what this one begins with, if it has to read the prompt itself. */
  beginLike(other: RequestPrefix): void {
    this.#begun = true;
    this.#match = other.#match;
    this.#modes = other.#modes;
  }

  /** Has the prefill of a prompt take the states that others can go on from. */
  requestStates(cache: SequenceCache): void {
    const { blockTokens } = this.prefixes;
    if (blockTokens === undefined || !this.#leaves || this.use === "none" || (this.use === "reuse" && this.routingKey === undefined)) return;
    cache.requestCheckpoints(checkpointLengths(this.request.tokens.length, cache.length, blockTokens, this.use === "pin"));
  }

  /** The prompt has been read: what was taken on the way goes to the cache of prefixes. */
  leaveStates(cache: SequenceCache, { modes, assignment }: Pick<SequenceRouting, "modes" | "assignment">): void {
    const isPinned = this.use === "pin";
    const routingKey = isPinned ? pinnedKey : this.routingKey;
    const taken = cache.takeCheckpoints();
    const mayLeave = routingKey !== undefined && this.#canBeContinued(modes);
    // All heads that hold everything: the longest state serves every shorter length.
    const longest = taken.at(-1);
    for (const snapshot of taken) {
      if (!mayLeave || (snapshot !== longest && longest!.isWhole)) giveBack(snapshot);
      else this.#leave(snapshot, routingKey, isPinned, assignment);
    }
  }

  /** The model has read a token of the answer: at the end of a block its state is kept, in the place of the one before. */
  passToken(cache: SequenceCache, { modes }: Pick<SequenceRouting, "modes">): void {
    const { blockTokens } = this.prefixes;
    if (blockTokens === undefined || !this.prefixes.keepsAnswers || cache.length % blockTokens !== 0) return;
    if (!this.#leaves || this.use !== "reuse" || this.routingKey === undefined || !this.#canBeContinued(modes)) return;
    this.dropAnswer();
    this.#answerState = cache.snapshot();
  }

  /** The answer has ended: its last whole block goes to the cache of prefixes. @param read tokens of the answer that the model has read */
  leaveAnswer(read: readonly number[], { assignment }: Pick<SequenceRouting, "assignment">): void {
    const snapshot = this.#answerState;
    if (snapshot === undefined) return;
    this.#answerState = undefined;
    const tokens = Int32Array.from([...this.request.tokens, ...read]).slice(0, snapshot.length);
    this.prefixes.add({ tokens, snapshot, routingKey: this.routingKey!, isPinned: false, assignment, isGone: false });
  }

  /** Gives the state of the answer back. @returns whether there was one */
  dropAnswer(): boolean {
    const state = this.#answerState;
    this.#answerState = undefined;
    giveBack(state);
    return state !== undefined;
  }

  /** Memory was lacking: nothing is taken on the way from now on. @returns whether something was before */
  stopLeaving(): boolean {
    const before = this.#leaves && this.prefixes.blockTokens !== undefined;
    this.#leaves = false;
    return before;
  }

  /** What of the prompt is to be read, in parts. */
  get parts(): Int32Array[] {
    const { tokens } = this.request;
    return this.#readsPinnedAgain ? [tokens.slice(0, this.#pinnedTokens), tokens.slice(this.#pinnedTokens)] : [tokens.slice(this.#reused)];
  }

  /** The cache for the next part: a pinned prefix that was read again goes on without a plan, as it did at first. */
  nextCache(cache: SequenceCache): SequenceCache {
    if (!this.#readsPinnedAgain || cache.length !== this.#pinnedTokens) return cache;
    this.#readsPinnedAgain = false;
    using snapshot = cache.snapshot()!;
    const next = this.decoder.caches.resume(snapshot, { decode: this.request.decode, keepModes: false });
    cache.dispose();
    return next;
  }

  /** Tokens of the prompt that would not be read if it began now: what admission reckons with. */
  get heldTokens(): number {
    if (this.#begun) return this.#match === undefined || this.#match.prefix.isGone ? 0 : this.#match.length;
    const { changes } = this.prefixes;
    if (this.#looked?.changes !== changes) this.#looked = { changes, length: this.#search()?.length ?? 0 };
    return this.#looked.length;
  }

  #find(): void {
    if (this.use !== "reuse") return;
    this.#match = this.#search();
    this.prefixes.count(this.request.tokens.length, this.#match);
    // The plan that a pinned prefix was read by has every head full.
    this.#modes = this.#match?.prefix.snapshot.layers.map(({ modes }) => modes!);
  }

  #search(): PrefixMatch | undefined {
    if (this.use !== "reuse") return undefined;
    const { tokens } = this.request;
    const { kind } = this.routing;
    // A plan that was made from another text holds where that text is most of this one.
    const planIsFixed = kind === "none" || kind === "static";
    return this.prefixes.find(tokens, {
      routingKey: this.routingKey,
      mostTokens: tokens.length - leastRead,
      leastTokens: planIsFixed ? 0 : tokens.length / 2,
      takesPinned: routesByKeys(this.routing),
    });
  }

  /** Not where a prompt has read its rest under a plan that a pinned prefix was not read by. */
  #canBeContinued(modes: HeadModes): boolean {
    if (this.#continues?.modes !== modes) this.#continues = { modes, value: this.#match?.prefix.isPinned !== true && readsAlikeInParts(modes, this.request.decode) };
    return this.#continues.value;
  }

  #leave(snapshot: CacheSnapshot, routingKey: string, isPinned: boolean, assignment: CachedPrefix["assignment"]): void {
    this.prefixes.add({ tokens: this.request.tokens.slice(0, snapshot.length), snapshot, routingKey, isPinned, assignment, isGone: false });
  }
}

/**
 * Whether a plan can be made for a prompt whose beginning was read without one: by the keys of all of it. A router that looks at
 * queries, one of the caller's own, and modes that choose blocks for all queries need the whole prompt.
 */
function routesByKeys({ kind, router }: Pick<RequestRouting, "kind" | "router">): boolean {
  if (router === undefined) return true;
  if (kind === "own" || (router as Partial<ScoringRouter>).decidesWholeLayers === true) return false;
  return router.modes.every((mode) => patternOf(mode).type !== "selected");
}
