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
  /** Whether a pinned prefix is gone since: it is read by itself, with every head full. */
  #readsPinnedAgain = false;
  /** Whether it may leave states: not after memory was lacking, as those take some. */
  #leaves = true;

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
    // A prompt that goes on from a pinned prefix reads its rest under a plan that the prefix was not read by.
    const mayLeave = routingKey !== undefined && this.#match?.prefix.isPinned !== true && readsAlikeInParts(modes, this.request.decode);
    // All heads that hold everything: the longest state serves every shorter length.
    const longest = taken.at(-1);
    for (const snapshot of taken) {
      if (!mayLeave || (snapshot !== longest && longest!.isWhole)) giveBack(snapshot);
      else this.#leave(snapshot, routingKey, isPinned, assignment);
    }
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

  #find(): void {
    if (this.use !== "reuse") return;
    const { tokens } = this.request;
    const { kind } = this.routing;
    // A plan that was made from another text holds where that text is most of this one.
    const planIsFixed = kind === "none" || kind === "static";
    this.#match = this.prefixes.find(tokens, {
      routingKey: this.routingKey,
      mostTokens: tokens.length - leastRead,
      leastTokens: planIsFixed ? 0 : tokens.length / 2,
      takesPinned: routesByKeys(this.routing),
    });
    // The plan that a pinned prefix was read by has every head full.
    this.#modes = this.#match?.prefix.snapshot.layers.map(({ modes }) => modes!);
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
