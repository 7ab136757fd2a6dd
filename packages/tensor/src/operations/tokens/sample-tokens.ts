import { ShapeError } from "@elastic-attention/core";
import { defineOperation } from "../../operation.js";
import { readFloats, readIntegers } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { drawToken, largestLogit } from "./draw-token.js";
import { expectShape } from "../elements/expect-shape.js";

/** How one row draws its token. Order: repetition penalty, temperature, top-k, top-p, min-p. */
export interface TokenSampling {
  /** 0 is greedy: the largest logit, the lowest token among equals. */
  readonly temperature: number;
  /** Keep the k most likely tokens; 0 keeps all. */
  readonly topK: number;
  /** Keep the smallest set of tokens whose probability reaches this; 1 keeps all. */
  readonly topP: number;
  /** Drop tokens less likely than this share of the most likely one; 0 drops none. */
  readonly minP: number;
  /** Divides (or multiplies, when negative) the logits of tokens in `seen`; 1 is off. */
  readonly repetitionPenalty: number;
  /** In [0, 1): the token is where the probabilities, most likely first, pass this share of their sum. */
  readonly uniform: number;
}

export interface SampleTokensCall {
  /** f32 [sequences, vocabulary]. */
  readonly logits: Tensor;
  /** One for each row. */
  readonly samplings: readonly TokenSampling[];
  /** u8 [1, vocabulary] for each row that has a repetition penalty: 1 where a token was seen; the drawn one is added. */
  readonly seen: readonly (Tensor | undefined)[];
  /** i32 [sequences]; -1 for a row without a finite largest logit. */
  readonly output: Tensor;
}

/**
 * Draws one token for each row of logits. Probabilities are whole multiples of 2^-31 of the largest one, so that sums
 * are exact and a token does not depend on the order in which a device adds.
 */
export const sampleTokens = defineOperation<SampleTokensCall>("sampleTokens", (call, backend) => {
  const { logits, samplings, seen, output } = call;
  expectShape("sampleTokens", "output", output, [logits.numRows]);
  if (output.dtype !== "i32" || logits.dtype !== "f32") throw new ShapeError("sampleTokens: logits are f32, tokens i32.");
  if (samplings.length !== logits.numRows || seen.length !== logits.numRows) {
    throw new ShapeError("sampleTokens: one sampling, and one entry of `seen`, belongs to each row.");
  }
  const tokens = Int32Array.from(samplings, (sampling, row) => {
    const values = readFloats(logits.rows(row, row + 1));
    const flags = seen[row] === undefined ? undefined : readIntegers(seen[row]);
    if (sampling.repetitionPenalty !== 1 && flags !== undefined) penalise(values, flags, sampling.repetitionPenalty);
    const token = sampling.temperature === 0 ? largestLogit(values) : drawToken(values, sampling);
    if (flags !== undefined && token >= 0) {
      flags[token] = 1;
      backend.write(seen[row]!, Uint8Array.from(flags));
    }
    return token;
  });
  backend.write(output, tokens);
});

function penalise(logits: { [token: number]: number }, seen: Int32Array, penalty: number): void {
  for (const [token, flag] of seen.entries()) {
    if (flag === 0) continue;
    const logit = logits[token]!;
    logits[token] = logit > 0 ? logit / penalty : logit * penalty;
  }
}
