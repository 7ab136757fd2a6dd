import type { SequenceCache } from "@elastic-attention/attention";
import { firstError, OutOfMemoryError } from "@elastic-attention/core";
import type { Answer } from "../answer/answer.js";
import type { EngineContext } from "../engine-context.js";
import { RequestDrafts } from "./request-drafts.js";

/** What the next decode step of an answer reads behind its last token, and the room that this takes in its cache. */
export class StepDraft {
  tokens: readonly number[] = [];
  /** How drafts fare; undefined where the engine does not speculate. */
  readonly drafts: RequestDrafts | undefined;

  constructor(
    private readonly context: EngineContext,
    prompt: Int32Array,
    private readonly answer: Answer,
  ) {
    const { draftTokens, endOfText } = context;
    this.drafts = draftTokens === 0 ? undefined : new RequestDrafts(prompt, draftTokens, answer, endOfText);
  }

  /**
   * Drafts for the next step, and makes room for all that it reads.
   *
   * @param mostTokens of the draft
   * @throws OutOfMemoryError where there is no room for one token
   */
  prepare(cache: SequenceCache, mostTokens: number): void {
    this.tokens = this.drafts?.next(Math.min(mostTokens, this.answer.tokensLeft - 1, this.#decoder.draftRoom(cache))) ?? [];
    try {
      cache.makeRoom(1 + this.tokens.length);
    } catch (error) {
      if (this.tokens.length === 0 || !OutOfMemoryError.isInstance(firstError(error))) throw error;
      // Nobody has to give way for a guess.
      this.stop();
      cache.makeRoom(1);
    }
  }

  /** The last token was drafted, and is what the model gave: the step has read it too. */
  accept(cache: SequenceCache): void {
    this.#decoder.accept(cache, this.answer.lastGiven);
  }

  /** Memory was lacking: the next step takes one token, and so do all behind it. */
  stop(): void {
    this.tokens = [];
    this.drafts?.stop();
  }

  get #decoder() {
    return this.context.choice.model.decoder;
  }
}
