import { TokenizerError } from "@elastic-attention/core";

const freeSteps = 1e7;
const stepsPerCharacter = 64;

/** Stops a search whose tokens are so long and alike that every place of a text begins many of them. */
export class StepLimit {
  #left: number;

  /** @param length of the text that is gone through. */
  constructor(length: number) {
    this.#left = freeSteps + stepsPerCharacter * length;
  }

  /** @throws TokenizerError when the steps are used up */
  add(steps: number): void {
    this.#left -= steps;
    if (this.#left >= 0) return;
    throw new TokenizerError("The vocabulary takes too long on this text: too many of its long tokens begin alike.", {
      hint: "Take another tokenizer, or shorten the text.",
    });
  }
}
