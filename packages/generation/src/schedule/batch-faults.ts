/** Work with others that failed because of a request or of one of them, and what it does alone because of that. */
export class BatchFaults {
  #prefills = 0;
  #steps = 0;
  #stepsAlone = 0;

  /** Whether its prompt is read alone. */
  get readsAlone(): boolean {
    return this.#prefills > 1;
  }

  /** Whether it takes its next decode step alone. */
  get decodesAlone(): boolean {
    return this.#stepsAlone > 0;
  }

  /** A prefill has ended before its time because another left: the second time it reads alone. */
  prefillInterrupted(): void {
    this.#prefills += 1;
  }

  /** A prefill has failed. */
  prefillFailed(): void {
    this.#prefills = Infinity;
  }

  /** A decode step has failed: it goes on alone, each time for twice as long, so that it ends in any case. */
  stepFailed(): void {
    this.#stepsAlone = 2 ** this.#steps++;
  }

  /** It has been given a token. */
  tokenGiven(): void {
    if (this.#stepsAlone > 0) this.#stepsAlone -= 1;
  }
}
