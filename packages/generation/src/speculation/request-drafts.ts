import type { Answer } from "../answer/answer.js";
import { DraftLength } from "./draft-length.js";
import { NgramLookup } from "./ngram-lookup.js";

/** What is drafted for one answer, and how it fares. */
export class RequestDrafts {
  /** Tokens that were drafted so far, and those of them that were right. */
  tokens = 0;
  accepted = 0;
  readonly #lookup: NgramLookup;
  readonly #length: DraftLength;
  #stopped = false;

  /** @param most tokens of a draft */
  constructor(
    prompt: Int32Array,
    most: number,
    private readonly answer: Pick<Answer, "knownTokens" | "isCaughtUp">,
    private readonly endOfText: ReadonlySet<number>,
  ) {
    this.#lookup = new NgramLookup(prompt);
    this.#length = new DraftLength(most);
  }

  /** The answer goes on with a new token. */
  push(token: number): void {
    this.#lookup.push(token);
  }

  /** A guess of the next tokens. @param room tokens that there is room for */
  next(room: number): readonly number[] {
    const count = Math.min(room, this.#length.next);
    if (this.#stopped || count < 1) return [];
    // An answer that is computed again gives what it gave before.
    if (!this.answer.isCaughtUp) return this.answer.knownTokens(count);
    const draft = this.#lookup.next(count);
    const end = draft.findIndex((token) => this.endOfText.has(token));
    return end < 0 ? draft : draft.slice(0, end);
  }

  /** A step has been taken. */
  stepped(drafted: number, accepted: number): void {
    if (drafted === 0) return this.#length.stepped();
    this.tokens += drafted;
    this.accepted += accepted;
    this.#length.drafted(drafted, accepted);
  }

  /** Memory was lacking for a draft: there are no more. */
  stop(): void {
    this.#stopped = true;
  }
}
