import { ShapeError } from "@elastic-attention/core";
import type { Backend } from "../../backend.js";
import { defineOperation } from "../../operation.js";
import { readFloats, readIntegers } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { adjustLogits } from "./adjust-logits.js";
import { drawToken, largestLogit } from "./draw-token.js";

/** How one row draws its token. Order: bias, penalties, mask, temperature, top-k, top-p, min-p. */
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
  /** Subtracted from the logits of tokens that `counts` has; 0 is off. */
  readonly presencePenalty: number;
  /** The same, once for each time. */
  readonly frequencyPenalty: number;
  /** In [0, 1): the token is where the probabilities, most likely first, pass this share of their sum. */
  readonly uniform: number;
}

/** One row: how it draws, and what its draw depends on besides its logits. */
export interface SampledRow {
  readonly sampling: TokenSampling;
  /** u8 [1, vocabulary]: 1 where a token was seen; the drawn one is added. */
  readonly seen?: Tensor | undefined;
  /** i32 [1, vocabulary]: how often the answer has each token; the drawn one is counted. */
  readonly counts?: Tensor | undefined;
  /** f32 [1, vocabulary], added to the logits. */
  readonly bias?: Tensor | undefined;
  /** i32 [1, ⌈vocabulary / 32⌉]: bit `token % 32` of a word says whether a token may be drawn. */
  readonly mask?: Tensor | undefined;
}

export interface SampleTokensCall {
  /** f32 [sequences, vocabulary]. */
  readonly logits: Tensor;
  /** One for each row of logits. */
  readonly rows: readonly SampledRow[];
  /** i32 [sequences]; -1 for a row without a finite largest logit. */
  readonly output: Tensor;
}

/** Words of a mask over a vocabulary. */
export function maskWords(vocabularySize: number): number {
  return Math.ceil(vocabularySize / 32);
}

/** What every kernel of {@link sampleTokens} requires. @throws ShapeError */
export function expectSampleShapes({ logits, rows, output }: SampleTokensCall): void {
  const [sequences, vocabulary] = [logits.numRows, logits.rowLength];
  if (output.dtype !== "i32" || logits.dtype !== "f32") throw new ShapeError("sampleTokens: logits are f32, tokens i32.");
  expectShape("sampleTokens", "logits", logits, [sequences, vocabulary]);
  expectShape("sampleTokens", "output", output, [sequences]);
  if (rows.length !== sequences) throw new ShapeError(`sampleTokens: ${rows.length} rows are described, ${sequences} have logits.`);
  for (const { seen, counts, bias, mask } of rows) {
    for (const [name, tensor] of Object.entries({ seen, counts, bias })) {
      if (tensor !== undefined) expectShape("sampleTokens", name, tensor, [1, vocabulary]);
    }
    if (mask !== undefined) expectShape("sampleTokens", "mask", mask, [1, maskWords(vocabulary)]);
  }
}

/**
 * Draws one token for each row of logits. Probabilities are whole multiples of 2^-31 of the largest one, so that sums
 * are exact and a token does not depend on the order in which a device adds.
 */
export const sampleTokens = defineOperation<SampleTokensCall>("sampleTokens", (call, backend) => {
  const { logits, rows, output } = call;
  expectSampleShapes(call);
  const tokens = Int32Array.from(rows, (row, index) => {
    const values = readFloats(logits.rows(index, index + 1));
    const { sampling, seen, counts } = row;
    adjustLogits(values, row);
    const token = sampling.temperature === 0 ? largestLogit(values) : drawToken(values, sampling);
    if (token >= 0) note(backend, { seen, counts }, token);
    return token;
  });
  backend.write(output, tokens);
});

/** The drawn token is seen and counted from now on. */
function note(backend: Backend, { seen, counts }: Pick<SampledRow, "seen" | "counts">, token: number): void {
  if (seen !== undefined) {
    const flags = Uint8Array.from(readIntegers(seen));
    flags[token] = 1;
    backend.write(seen, flags);
  }
  if (counts !== undefined) {
    const numbers = readIntegers(counts);
    numbers[token]! += 1;
    backend.write(counts, numbers);
  }
}
