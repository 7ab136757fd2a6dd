/** A decode step as its requests see it. */
export interface DecodeStep {
  /** A time of `performance.now()`. */
  readonly begun: number;
  readonly seconds: number;
  readonly requests: number;
  /** Tokens that it gave, tokens that were drafted for it, and those of these that were right. */
  readonly tokens: number;
  readonly draftedTokens: number;
  readonly acceptedTokens: number;
}

/** What is measured while a request runs. */
export class Measurements {
  /** Of the prompt's tokens, those that a cache held. */
  reusedTokens = 0;
  /** Its share, by tokens, of the time from the beginning of the prefill until its logits were there. */
  prefillSeconds = 0;
  /** Seconds that decode steps took, sampling included, the caller's own time not. */
  decodeSeconds = 0;
  /** Tokens of these steps that the answer took. */
  decodedTokens = 0;
  /** The same, each step divided by the requests that took part. */
  decodeShareSeconds = 0;

  constructor(readonly promptTokens: number) {}

  addStep({ seconds, requests }: DecodeStep): void {
    this.decodeSeconds += seconds;
    this.decodeShareSeconds += seconds / requests;
  }
}
