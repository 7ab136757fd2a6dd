/** A decode step as its requests see it. */
export interface DecodeStep {
  /** A time of `performance.now()`. */
  readonly begun: number;
  readonly seconds: number;
  readonly requests: number;
}

/** What is measured while a request runs. */
export class Measurements {
  /** Of the prompt's tokens, those that a cache held. */
  reusedTokens = 0;
  /** Its share, by tokens, of the time from the beginning of the prefill until its logits were there. */
  prefillSeconds = 0;
  /** Decode steps and the seconds they took, sampling included, the caller's own time not. */
  decodeSteps = 0;
  decodeSeconds = 0;
  /** The same, each step divided by the requests that took part. */
  decodeShareSeconds = 0;

  constructor(readonly promptTokens: number) {}

  addStep({ seconds, requests }: DecodeStep): void {
    this.decodeSteps += 1;
    this.decodeSeconds += seconds;
    this.decodeShareSeconds += seconds / requests;
  }
}
