import { attentionModeDefinition, type AttentionMode, type CacheSnapshot, type DecodePolicy, hasPromptEnd, type PagePool, promptPattern } from "@elastic-attention/attention";

/** A prefix that requests can go on from. */
export interface CachedPrefix {
  /** Whole blocks. */
  readonly tokens: Int32Array;
  readonly snapshot: CacheSnapshot;
  /** What its plan was made from: a request that asks for something else cannot go on from here. */
  readonly routingKey: string;
  /** Whether every head's keys are there and no plan: each request that goes on is routed for itself. */
  readonly isPinned: boolean;
  /** [layer][kvHead], as its prefill decided. */
  readonly assignment: readonly (readonly number[])[];
  /** Whether it was given up: its snapshot is no longer there. */
  isGone: boolean;
}

/** The modes of all layers' heads. */
export type HeadModes = readonly (readonly AttentionMode[])[];

/**
 * Whether a prompt gives the same when it is read in two parts: every head reads later tokens by the pattern that it reads a
 * prompt by. Modes that choose blocks for a whole prompt go on densely, and so does every head with decode "full"; the end of a
 * prompt that a mode reads otherwise is the middle of a longer one.
 */
export function readsAlikeInParts(modes: HeadModes, decode: DecodePolicy): boolean {
  return modes.every((heads) => heads.every((mode) => readsAlike(mode, decode)));
}

function readsAlike(mode: AttentionMode, decode: DecodePolicy): boolean {
  const definition = attentionModeDefinition(mode);
  const pattern = definition.pattern(mode);
  if (hasPromptEnd(mode)) return false;
  // A window that the model fixes holds whatever the policy.
  if (decode === "full" && mode.kind !== "sliding") return pattern.type === "full";
  return JSON.stringify(pattern) === JSON.stringify(promptPattern(mode, false));
}

/** Counts how many snapshots hold each page. */
export class HeldPages {
  readonly #counts = new Map<number, number>();

  /** Pages that are held. */
  get count(): number {
    return this.#counts.size;
  }

  add(snapshot: CacheSnapshot): void {
    for (const pages of snapshot.pages()) for (const page of pages) this.#counts.set(page, (this.#counts.get(page) ?? 0) + 1);
  }

  remove(snapshot: CacheSnapshot): void {
    for (const pages of snapshot.pages()) {
      for (const page of pages) {
        const count = this.#counts.get(page)! - 1;
        if (count === 0) this.#counts.delete(page);
        else this.#counts.set(page, count);
      }
    }
  }

  /** Pages that nobody else owns. */
  ownCount(pool: PagePool): number {
    let own = 0;
    for (const [page, count] of this.#counts) if (pool.owners(page) === count) own += 1;
    return own;
  }
}
