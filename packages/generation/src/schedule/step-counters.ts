import type { DecodeStep } from "../request/measurements.js";

/** What a scheduler is doing. */
export interface SchedulerReport {
  readonly queued: number;
  readonly prefilling: number;
  readonly decoding: number;
  /** Decode steps so far, and the tokens they gave. */
  readonly decodeSteps: number;
  readonly decodedTokens: number;
  /** Tokens that were drafted for these steps, and those of them that were right. */
  readonly draftedTokens: number;
  readonly acceptedTokens: number;
  /** Prefills so far: short prompts that wait together share one. */
  readonly prefills: number;
  /** How often a request gave its memory up and was computed again. */
  readonly preemptions: number;
  /** Longest time between two decode steps while an answer was waiting. */
  readonly longestStallMilliseconds: number;
}

/** Counts what a scheduler has done. */
export class StepCounters {
  decodeSteps = 0;
  decodedTokens = 0;
  draftedTokens = 0;
  acceptedTokens = 0;
  prefills = 0;
  preemptions = 0;
  longestStallMilliseconds = 0;
  #lastStep: number | undefined;

  /** A decode step has ended. */
  countStep({ begun, tokens, draftedTokens, acceptedTokens }: DecodeStep): void {
    const stall = this.#lastStep === undefined ? 0 : begun - this.#lastStep;
    this.#lastStep = performance.now();
    this.decodeSteps += 1;
    this.decodedTokens += tokens;
    this.draftedTokens += draftedTokens;
    this.acceptedTokens += acceptedTokens;
    this.longestStallMilliseconds = Math.max(this.longestStallMilliseconds, stall);
  }

  /** No answer is waiting. */
  pause(): void {
    this.#lastStep = undefined;
  }

  get counts(): Omit<SchedulerReport, "queued" | "prefilling" | "decoding"> {
    const { decodeSteps, decodedTokens, draftedTokens, acceptedTokens, prefills, preemptions, longestStallMilliseconds } = this;
    return { decodeSteps, decodedTokens, draftedTokens, acceptedTokens, prefills, preemptions, longestStallMilliseconds };
  }
}
