import type { RankGroup } from "@elastic-attention/tensor";
import { encodeMessage } from "./messages.js";
import type { RankCommand } from "./rank-commands.js";
import { settled } from "./settled.js";

/** The first rank: it decides what is done, and the others do it with it. */
export class RankLeader implements Disposable {
  #numbers = 0;
  #busy = false;
  #ended = false;

  constructor(private readonly ranks: RankGroup) {}

  /** A number for a new cache or prefill. */
  number(): number {
    return this.#numbers++;
  }

  /**
   * Has every rank do a piece of work, this one too. What the work itself calls is part of it on every rank, and is not told.
   * @throws as `settled`
   */
  run<Result>(command: RankCommand, work: () => Result): Result {
    if (this.#busy || this.#ended) return work();
    this.#busy = true;
    try {
      this.ranks.allGather(encodeMessage(command));
      return settled(this.ranks, work);
    } finally {
      this.#busy = false;
    }
  }

  /** The other ranks give their models back. */
  [Symbol.dispose](): void {
    if (this.#ended) return;
    this.run({ type: "end" }, () => {});
    this.#ended = true;
  }
}
