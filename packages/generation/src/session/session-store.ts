import { InvalidRequestError } from "@elastic-attention/core";
import type { SequenceCache } from "@elastic-attention/attention";
import { giveBack } from "../give-back.js";
import type { HeadModes } from "../prefix/cached-prefix.js";

/** What a session's heads do, where it began with a cached prefix and its plan. */
export interface SessionPlan {
  readonly modes: HeadModes;
  /** [layer][kvHead], as the prefix was routed. */
  readonly assignment: readonly (readonly number[])[];
}

/** What a session's turns left behind. */
export interface SessionState {
  readonly cache: SequenceCache;
  /** Token ids whose keys and values the cache holds. */
  readonly cachedTokens: readonly number[];
  /** The first of these, which the first turn's router decided on. */
  readonly routedTokens: number;
  /** Tokens of the answer that were not fed to the model: the last one, unless it ended the text. */
  readonly pendingTokens: readonly number[];
  /** Text that all of these stand for; undefined where only tokens were given. */
  readonly text: string | undefined;
  /** How the first turn was routed: another mode, sparsity or decode policy cannot go on from here. */
  readonly routingKey: string;
  /** Undefined where the first turn's router decided. */
  readonly plan: SessionPlan | undefined;
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
    return this.idleSessions.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** Those that are between two turns, in order of last use, and the bytes of their keys and values. */
  get idleSessions(): readonly { readonly name: string; readonly bytes: number }[] {
    return Array.from(this.#idle, ([name, { cache }]) => ({ name, bytes: cache.byteLength }));
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

  /** What the last turn left, which stays the session's; undefined where there is none, or while a turn runs. */
  peek(name: string): SessionState | undefined {
    return this.#idle.get(name);
  }

  /** A turn has ended, with what it leaves if it leaves anything. */
  end(name: string, state?: SessionState): void {
    this.#busy.delete(name);
    if (state === undefined) return;
    this.close(name);
    this.#idle.set(name, state);
    for (const oldest of this.#idle.keys()) {
      if (this.#idle.size <= this.mostSessions) break;
      this.close(oldest);
    }
  }

  /** Forgets a session that is between two turns. */
  close(name: string): void {
    giveBack(this.take(name)?.cache);
  }

  [Symbol.dispose](): void {
    for (const name of this.#idle.keys()) this.close(name);
  }
}
