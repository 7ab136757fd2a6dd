import { NoFiniteLogitError } from "@elastic-attention/core";

/** The tokens of a batch, and what is wrong with the rows that have none (-1). */
export interface DrawnTokens {
  readonly tokens: Int32Array;
  readonly error: NoFiniteLogitError | undefined;
}

/** Rows without a finite logit are their requests' own fault: the others have their tokens. */
export function drawTokens(draw: () => Int32Array): DrawnTokens {
  try {
    return { tokens: draw(), error: undefined };
  } catch (error) {
    if (!NoFiniteLogitError.isInstance(error)) throw error;
    return { tokens: error.tokens, error };
  }
}
