import type { DecoderModel } from "@elastic-attention/transformer";
import type { CheckedSettings } from "../engine-settings.js";
import { giveBack } from "../give-back.js";
import { type CachedPrefix, HeldPages } from "./cached-prefix.js";
import { RadixTree } from "./radix-tree.js";

/** What a prefix cache holds and has done. */
export interface PrefixCacheReport {
  /** Prefixes that a request can go on from, pinned ones among them. */
  readonly states: number;
  readonly pinned: number;
  /** Bytes of their keys and values; what several share counts once, also where a running request shares it. */
  readonly bytes: number;
  /** Tokens of the prompts that were looked up, and those of them that were found. */
  readonly queriedTokens: number;
  readonly reusedTokens: number;
}

/** What a prompt wants of a prefix. */
export interface PrefixQuery {
  /** What its plan would be made from; undefined: only a pinned prefix will do. */
  readonly routingKey: string | undefined;
  /** Tokens that may be taken from it. */
  readonly mostTokens: number;
  /** Tokens that one with a plan must have to be of use. */
  readonly leastTokens: number;
  /** Whether one without a plan will do. */
  readonly takesPinned: boolean;
}

/** A prefix that was found for a prompt. */
export interface PrefixMatch {
  readonly prefix: CachedPrefix;
  /** Tokens of the prompt that it has. */
  readonly length: number;
}

/**
 * Keys and values of prompts that have been read, by their tokens: what a new prompt begins with is not read again. It holds
 * pages by reference, and gives up those that were used longest ago, the longest of a path first, when others need memory.
 */
export class PrefixCache implements Disposable {
  /** By what the plan was made from; pinned prefixes, which have none, by {@link pinnedKey}. */
  readonly #trees = new Map<string, RadixTree<CachedPrefix>>();
  /** In order of last use; of prefixes that were used at once the shorter is the more recent. */
  readonly #prefixes = new Set<CachedPrefix>();
  readonly #pages = new HeldPages();
  #queriedTokens = 0;
  #reusedTokens = 0;
  #changes = 0;

  /** Bytes that may be kept. */
  readonly #mostBytes: number;
  /** Whether answers are kept too. */
  readonly keepsAnswers: boolean;

  constructor(
    private readonly decoder: DecoderModel,
    { enabled, maxBytes, answers }: CheckedSettings["prefixCache"],
  ) {
    const { limitBytes } = decoder.backend.memory();
    // Half of what the weights leave: pages that were taken once stay memory for pages.
    const most = maxBytes ?? Math.max(0, limitBytes - decoder.weightBytes) / 2;
    this.#mostBytes = enabled ? most : 0;
    this.keepsAnswers = answers ?? decoder.backend.name !== "cpu";
  }

  /** Tokens of a block; undefined where nothing is kept: it is off, or the backend's or the model's keys and values cannot be shared. */
  get blockTokens(): number | undefined {
    if (this.#mostBytes === 0 || !this.decoder.caches.canResume) return undefined;
    return this.decoder.pagePool?.pageTokens;
  }

  /** Counts what came and went. */
  get changes(): number {
    return this.#changes;
  }

  get report(): PrefixCacheReport {
    const pinned = [...this.#prefixes].filter((prefix) => prefix.isPinned).length;
    return { states: this.#prefixes.size, pinned, bytes: this.#heldBytes, queriedTokens: this.#queriedTokens, reusedTokens: this.#reusedTokens };
  }

  /** Bytes that come free when everything is evicted that nobody uses. */
  get evictableBytes(): number {
    const pool = this.decoder.pagePool;
    return pool === undefined || this.#prefixes.size === 0 ? 0 : this.#pages.ownCount(pool) * pool.pageBytes;
  }

  /** The longest prefix that a prompt can go on from. */
  find(tokens: Int32Array, { routingKey, mostTokens, leastTokens, takesPinned }: PrefixQuery): PrefixMatch | undefined {
    const { blockTokens } = this;
    if (blockTokens === undefined) return undefined;
    let best: PrefixMatch | undefined;
    // A pinned one wins where both are as long: its requests have plans of their own.
    for (const key of [takesPinned ? pinnedKey : undefined, routingKey]) {
      if (key === undefined) continue;
      for (const { value: prefix, sharedTokens } of this.#trees.get(key)?.matches(tokens) ?? []) {
        const length = usableTokens(prefix, sharedTokens, mostTokens, blockTokens);
        if (length > (best?.length ?? 0) && (prefix.isPinned || length >= leastTokens)) best = { prefix, length };
      }
    }
    return best;
  }

  /** A prompt has begun with what was found for it, if anything: it counts as used. */
  count(promptTokens: number, match: PrefixMatch | undefined): void {
    if (this.blockTokens === undefined) return;
    this.#queriedTokens += promptTokens;
    if (match === undefined) return;
    this.#reusedTokens += match.length;
    this.#touch(match.prefix);
  }

  /** Whether a prefix of exactly these tokens is there. */
  has(tokens: Int32Array, routingKey: string): boolean {
    for (const { value, sharedTokens } of this.#trees.get(routingKey)?.matches(tokens) ?? []) {
      if (sharedTokens === tokens.length && value.tokens.length === tokens.length) return true;
    }
    return false;
  }

  /** Takes over a prefix, whole blocks; what it replaces and what there is no room for is given back. */
  add(prefix: CachedPrefix): void {
    const { blockTokens } = this;
    if (blockTokens === undefined || prefix.tokens.length < leastBlocks * blockTokens || this.has(prefix.tokens, prefix.routingKey)) {
      giveBack(prefix.snapshot);
      return;
    }
    let tree = this.#trees.get(prefix.routingKey);
    if (tree === undefined) this.#trees.set(prefix.routingKey, (tree = new RadixTree(blockTokens)));
    tree.add(prefix.tokens, prefix);
    this.#prefixes.add(prefix);
    this.#changes += 1;
    this.#pages.add(prefix.snapshot);
    this.#touch(prefix);
    while (this.#heldBytes > this.#mostBytes && this.#evictOne());
  }

  /** Gives up what was used longest ago until so many bytes are free. @returns how many prefixes are gone */
  evict(bytes: number): number {
    const pool = this.decoder.pagePool;
    if (pool === undefined) return 0;
    const target = pool.report().bytesInUse - bytes;
    let evicted = 0;
    while ((evicted === 0 || pool.report().bytesInUse > target) && this.#evictOne()) evicted += 1;
    return evicted;
  }

  /** Forgets everything; running requests keep what they share. */
  clear(): void {
    while (this.#evictOne());
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  get #heldBytes(): number {
    return this.#pages.count * (this.decoder.pagePool?.pageBytes ?? 0);
  }

  /** The path to a prefix has been used: the end of it before its beginnings, which others share. */
  #touch(used: CachedPrefix): void {
    const path = Array.from(this.#trees.get(used.routingKey)!.matches(used.tokens), ({ value }) => value).filter((value) => value.tokens.length <= used.tokens.length);
    for (const prefix of path.toSorted((a, b) => b.tokens.length - a.tokens.length)) {
      this.#prefixes.delete(prefix);
      this.#prefixes.add(prefix);
    }
  }

  /** Pinned prefixes go last. @returns whether there was one to give up */
  #evictOne(): boolean {
    let prefix: CachedPrefix | undefined;
    for (const each of this.#prefixes) {
      prefix ??= each;
      if (each.isPinned) continue;
      prefix = each;
      break;
    }
    if (prefix === undefined) return false;
    prefix.isGone = true;
    this.#changes += 1;
    this.#prefixes.delete(prefix);
    this.#trees.get(prefix.routingKey)!.remove(prefix.tokens, prefix);
    this.#pages.remove(prefix.snapshot);
    giveBack(prefix.snapshot);
    return true;
  }
}

/** Shorter prefixes cost more to keep than to read. */
export const leastBlocks = 2;

/** Stands for prefixes without a plan. */
export const pinnedKey = "pinned";

function usableTokens({ snapshot, tokens }: CachedPrefix, sharedTokens: number, mostTokens: number, blockTokens: number): number {
  if (snapshot.isWhole) {
    const most = Math.min(sharedTokens, mostTokens);
    const usable = most - (most % blockTokens);
    return usable < leastBlocks * blockTokens ? 0 : usable;
  }
  return sharedTokens === tokens.length && tokens.length <= mostTokens ? tokens.length : 0;
}
