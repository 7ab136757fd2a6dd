import { MemoryScope } from "@elastic-attention/core";
import { cast, linear, rmsNorm, type Tensor } from "@elastic-attention/tensor";
import type { ModelSpec } from "../model/model-spec.js";
import type { RowRange, Runner } from "./decoder-layer.js";
import type { DecoderWeights } from "./decoder-weights.js";
import type { ForwardPass } from "./forward-pass.js";

/** Final norm and output projection: `hidden` [rows, hidden] to f32 `logits` [rows, vocabulary], by way of `normed`. */
export function projectLogits(
  runner: Runner,
  spec: ModelSpec,
  { finalNorm, output }: Pick<DecoderWeights, "finalNorm" | "output">,
  { hidden, normed, logits }: { readonly hidden: Tensor; readonly normed: Tensor; readonly logits: Tensor },
): void {
  runner.run(rmsNorm, { input: hidden, weight: finalNorm, epsilon: spec.rmsNormEpsilon, output: normed });
  runner.run(linear, { input: normed, ...output, output: logits });
}

/** The last rows of each sequence, at most as many as it has. */
export function lastRows({ batch: { caches, offsets } }: ForwardPass, rowsPerSequence: number): RowRange[] {
  return caches.map((_, index) => [Math.max(offsets[index]!, offsets[index + 1]! - rowsPerSequence), offsets[index + 1]!]);
}

/** Logits of ranges of rows, one after another: f32 [rows, vocabulary]; the caller disposes them. */
export function logitsOf({ backend, spec, dtype, weights, workspace }: ForwardPass, ranges: readonly RowRange[]): Tensor {
  const numRows = ranges.reduce((sum, [start, end]) => sum + end - start, 0);
  using owned = new MemoryScope();
  const logits = owned.track(backend.allocate([numRows, spec.vocabularySize], "f32"));
  {
    using normed = backend.allocate([numRows, spec.hiddenSize], dtype);
    let at = 0;
    for (const [start, end] of ranges) {
      backend.kernels.run(cast, { input: workspace.hidden.rows(start, end), output: normed.rows(at, at + end - start) });
      at += end - start;
    }
    projectLogits(backend.kernels, spec, weights, { hidden: normed, normed, logits });
  }
  owned.move();
  return logits;
}
