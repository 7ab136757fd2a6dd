import { ShapeError } from "@elastic-attention/core";
import { defineOperation } from "../../operation.js";
import { type FloatArray, newFloats, readFloats, readIntegers, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";

/** Most likely tokens that may be asked for. */
export const mostTopTokens = 20;

export interface LogProbabilitiesCall {
  /** f32 [sequences, vocabulary], as the model gives them. */
  readonly logits: Tensor;
  /** i32 [sequences]: a token of each row; what is told of a row whose token is -1 is not defined. */
  readonly tokens: Tensor;
  /** For each row: how many of the most likely tokens are asked for, at most {@link mostTopTokens}; -1: nothing of this row. */
  readonly top: readonly number[];
  /** f32 [sequences, 1 + most]: log-probability of the row's token, then of its most likely ones. */
  readonly values: Tensor;
  /** i32 [sequences, most]: the most likely tokens, of equals the lowest first; -1 where there are fewer. Undefined where most is 0. */
  readonly topTokens: Tensor | undefined;
}

/** What every kernel of {@link logProbabilities} requires. @throws ShapeError */
export function expectLogProbabilityShapes({ logits, tokens, top, values, topTokens }: LogProbabilitiesCall): void {
  const rows = logits.numRows;
  const most = values.rowLength - 1;
  if (logits.dtype !== "f32" || values.dtype !== "f32") throw new ShapeError("logProbabilities: logits and values are f32.");
  expectShape("logProbabilities", "logits", logits, [rows, logits.rowLength]);
  expectShape("logProbabilities", "tokens", tokens, [rows]);
  expectShape("logProbabilities", "values", values, [rows, most + 1]);
  if (top.length !== rows || top.some((count) => count > most) || most > mostTopTokens) {
    throw new ShapeError(`logProbabilities: a number of most likely tokens up to ${Math.min(most, mostTopTokens)} belongs to each of ${rows} rows.`);
  }
  if (topTokens !== undefined) expectShape("logProbabilities", "topTokens", topTokens, [rows, most]);
  else if (most > 0) throw new ShapeError("logProbabilities: topTokens are missing.");
}

/**
 * Natural logarithms of the probabilities that the logits stand for, without temperature, bias or mask, in float64 and
 * rounded once. A logit that is NaN counts as impossible.
 */
export const logProbabilities = defineOperation<LogProbabilitiesCall>("logProbabilities", (call, backend) => {
  expectLogProbabilityShapes(call);
  const { logits, tokens, top, values, topTokens } = call;
  const found = newFloats(values, values.numElements);
  const chosen = new Int32Array(topTokens?.numElements ?? 0).fill(-1);
  for (const [row, token] of readIntegers(tokens).entries()) {
    if (top[row]! < 0 || token < 0) continue;
    const x = readFloats(logits.rows(row, row + 1));
    const likely = mostLikely(x, top[row]!);
    const logSum = logSumOfExponentials(x);
    found.set([token, ...likely].map((each) => x[each]! - logSum[0] - logSum[1]), row * values.rowLength);
    chosen.set(likely, row * (values.rowLength - 1));
  }
  writeFloats(values, found);
  if (topTokens !== undefined) backend.write(topTokens, chosen);
});

/** Its two terms: the largest logit, and the logarithm of the sum relative to it. */
function logSumOfExponentials(logits: FloatArray): readonly [largest: number, rest: number] {
  let largest = -Infinity;
  for (const logit of logits) if (logit > largest) largest = logit;
  let sum = 0;
  for (const logit of logits) if (!Number.isNaN(logit)) sum += Math.exp(logit - largest);
  return [largest, Math.log(sum)];
}

function mostLikely(logits: FloatArray, count: number): number[] {
  const tokens = Array.from(logits.keys()).filter((token) => !Number.isNaN(logits[token]!));
  return tokens.sort((a, b) => logits[b]! - logits[a]! || a - b).slice(0, count);
}
