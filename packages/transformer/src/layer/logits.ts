import { MemoryScope } from "@elastic-attention/core";
import { cast, gatherColumns, linear, scale, scaleBackward, type Tensor } from "@elastic-attention/tensor";
import type { ModelSpec } from "../model/model-spec.js";
import type { RowRange, Runner } from "./decoder-layer.js";
import type { DecoderWeights } from "./decoder-weights.js";
import { type ForwardPass, runnerOf } from "./forward-pass.js";
import { outputRows } from "../parallel/model-shard.js";
import { normalize } from "./normalize.js";

/** Rows on their way from the residual stream to the logits. */
export interface LogitsRows {
  /** [rows, hidden]: after the last layer. */
  readonly hidden: Tensor;
  /** [rows, hidden]: for the final norm; may be `hidden`. */
  readonly normed: Tensor;
  /** f32 [rows, vocabulary]. */
  readonly logits: Tensor;
  /** f32 [rows, output rows of this rank], where several ranks have the vocabulary together. */
  readonly share?: Tensor;
}

/** Final norm, output projection, and the scale and cap of the logits. */
export function projectLogits(runner: Runner, spec: ModelSpec, weights: Pick<DecoderWeights, "finalNorm" | "output">, rows: LogitsRows): void {
  projectUncappedLogits(runner, spec, weights, rows);
  capLogits(runner, spec, rows.logits, rows.logits);
}

/** The same without scale and cap. */
export function projectUncappedLogits(
  runner: Runner,
  spec: ModelSpec,
  { finalNorm, output }: Pick<DecoderWeights, "finalNorm" | "output">,
  { hidden, normed, logits, share = logits }: LogitsRows,
): void {
  normalize(runner, spec.norm, finalNorm, hidden, normed);
  runner.run(linear, { input: normed, ...output, output: share });
  if (runner.ranks !== undefined) runner.run(gatherColumns, { input: share, output: logits, ranks: runner.ranks, ...(spec.shard === undefined ? {} : { columns: spec.shard.outputRows }) });
}

/** Scales and caps f32 logits [rows, vocabulary] as the model does; `output` may be `input`. */
export function capLogits(runner: Runner, { logitsScale: factor, logitsSoftCap: softCap }: ModelSpec, input: Tensor, output: Tensor): void {
  if (factor !== 1 || softCap !== undefined) runner.run(scale, { input, factor, ...(softCap === undefined ? {} : { softCap }), output });
}

/** Gradient of {@link capLogits} in place, from what it read. */
export function capLogitsBackward(runner: Runner, { logitsScale: factor, logitsSoftCap: softCap }: ModelSpec, input: Tensor, gradient: Tensor): void {
  if (softCap !== undefined) runner.run(scaleBackward, { input, factor, softCap, outputGradient: gradient, inputGradient: gradient });
  else if (factor !== 1) runner.run(scale, { input: gradient, factor, output: gradient });
}

/** Logits of ranges of rows, one after another: f32 [rows, vocabulary]; the caller disposes them. */
export function logitsOf(pass: ForwardPass, ranges: readonly RowRange[]): Tensor {
  const { backend, spec, ranks, dtype, weights, workspace } = pass;
  const numRows = ranges.reduce((sum, [start, end]) => sum + end - start, 0);
  using owned = new MemoryScope();
  const logits = owned.track(backend.allocate([numRows, spec.vocabularySize], "f32"));
  {
    using scratch = new MemoryScope();
    const normed = scratch.track(backend.allocate([numRows, spec.hiddenSize], dtype));
    const share = ranks === undefined ? logits : scratch.track(backend.allocate([numRows, outputRows(spec)], "f32"));
    let at = 0;
    for (const [start, end] of ranges) {
      backend.kernels.run(cast, { input: workspace.hidden.rows(start, end), output: normed.rows(at, at + end - start) });
      at += end - start;
    }
    projectLogits(runnerOf(pass), spec, weights, { hidden: normed, normed, logits, share });
  }
  owned.move();
  return logits;
}
