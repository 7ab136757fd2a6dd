import { InvalidRequestError } from "@elastic-attention/core";
import type { SequenceCache } from "@elastic-attention/attention";

/** What a session's turns left behind. */
export interface SessionState {
  readonly cache: SequenceCache;
  /** Token ids whose keys and values the cache holds. */
  readonly cachedTokens: readonly number[];
  /** Tokens of the answer that were not fed to the model: the last one, unless it ended the text. */
  readonly pendingTokens: readonly number[];
  /** Text that all of these stand for; undefined where only tokens were given. */
  readonly text: string | undefined;
  /** How the first turn was routed: another mode, sparsity or decode policy cannot go on from here. */
  readonly routingKey: string;
  /** [layer][kvHead], as the first turn's prefill decided. */
  readonly assignment: readonly (readonly number[])[];
}

/** Caches of conversations between their turns: the one that was used longest ago goes first when memory is needed. */
export class SessionStore implements Disposable {
  /** In order of last use. */
  readonly #idle = new Map<string, SessionState>();
  readonly #busy = new Set<string>();

  constructor(private readonly mostSessions: number) {}

  /** Sessions that are between two turns. */
  get idleCount(): number {
    return this.#idle.size;
  }

  get idleBytes(): number {
    return [...this.#idle.values()].reduce((sum, { cache }) => sum + cache.byteLength, 0);
  }

  /** A turn begins. @throws InvalidRequestError while another turn of the session runs */
  begin(name: string): void {
    if (this.#busy.has(name)) {
      throw new InvalidRequestError(`Session ${JSON.stringify(name)} is answering another request.`, "Wait for its end, or use another session.");
    }
    this.#busy.add(name);
  }

  /** What the last turn left, which now belongs to the caller. */
  take(name: string): SessionState | undefined {
    const state = this.#idle.get(name);
    this.#idle.delete(name);
    return state;
  }

  /** A turn has ended, with what it leaves if it leaves anything. */
  end(name: string, state?: SessionState): void {
    this.#busy.delete(name);
    if (state === undefined) return;
    this.close(name);
    this.#idle.set(name, state);
    while (this.#idle.size > this.mostSessions) this.evict();
  }

  /** Bytes of one session's keys and values; 0 when it has none. */
  bytesOf(name: string): number {
    return this.#idle.get(name)?.cache.byteLength ?? 0;
  }

  /** Frees the session that was used longest ago, but for the one named. @returns whether there was one */
  evict(except?: string): boolean {
    const oldest = [...this.#idle.keys()].find((name) => name !== except);
    if (oldest === undefined) return false;
    this.close(oldest);
    return true;
  }

  /** Forgets a session that is between two turns. */
  close(name: string): void {
    this.take(name)?.cache.dispose();
  }

  [Symbol.dispose](): void {
    while (this.evict());
  }
}
