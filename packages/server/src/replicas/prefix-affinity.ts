import { createHash } from "node:crypto";

/** Characters between two places at which prompts are compared. */
const chunkCharacters = 512;
/** Characters of a prompt that are looked at. */
const mostCharacters = 1 << 20;
/** Beginnings of prompts that are remembered, the last ones used. */
const mostBeginnings = 100_000;

/**
 * Which replica has read the beginning of a prompt before: it has its keys and values. Beginnings are known by a chain of
 * digests, so that nothing of a prompt is kept.
 */
export class PrefixAffinity {
  /** By digest, in order of last use. */
  readonly #replicas = new Map<string, number>();

  /**
   * The replica for a prompt: the one that has read most of it, unless it is much busier than another; else the least busy one.
   *
   * @param loads requests that run on each replica; undefined: it is not there
   * @returns undefined where there is none
   */
  choose(prompt: string, loads: readonly (number | undefined)[]): number | undefined {
    const least = leastBusy(loads);
    if (least === undefined) return undefined;
    const chain = digests(prompt);
    const known = chain.findLastIndex((digest) => this.#replicas.has(digest));
    const replica = known < 0 ? undefined : this.#replicas.get(chain[known]!)!;
    const load = replica === undefined ? undefined : loads[replica];
    const isMost = 2 * (known + 1) >= chain.length;
    return load !== undefined && isMost && load <= 2 * loads[least]! + 8 ? replica! : least;
  }

  /** A replica reads a prompt. */
  remember(prompt: string, replica: number): void {
    for (const digest of digests(prompt)) {
      this.#replicas.delete(digest);
      this.#replicas.set(digest, replica);
    }
    for (const digest of this.#replicas.keys()) {
      if (this.#replicas.size <= mostBeginnings) break;
      this.#replicas.delete(digest);
    }
  }

  /** A replica has lost what it had read. */
  forget(replica: number): void {
    for (const [digest, owner] of this.#replicas) if (owner === replica) this.#replicas.delete(digest);
  }
}

/** The replica with the fewest requests, of several the first. */
function leastBusy(loads: readonly (number | undefined)[]): number | undefined {
  let least: number | undefined;
  for (const [replica, load] of loads.entries()) if (load !== undefined && (least === undefined || load < loads[least]!)) least = replica;
  return least;
}

/** One for each whole chunk, of all text up to its end. */
function digests(prompt: string): string[] {
  const hash = createHash("sha256");
  const chain: string[] = [];
  for (let end = chunkCharacters; end <= Math.min(prompt.length, mostCharacters); end += chunkCharacters) {
    hash.update(prompt.slice(end - chunkCharacters, end));
    chain.push(hash.copy().digest("base64").slice(0, 22));
  }
  return chain;
}
