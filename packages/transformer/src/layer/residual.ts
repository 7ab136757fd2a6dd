import { add, allReduce, cast, linear, type Tensor } from "@elastic-attention/tensor";
import type { ModelSpec } from "../model/model-spec.js";
import type { Runner, Scratch } from "./decoder-layer.js";
import type { NormWeights, Projection } from "./decoder-weights.js";
import { normalize } from "./normalize.js";

/** What a part (attention, feed-forward) gives to the residual stream. */
export interface PartOutput {
  /** Rows of the stream that it is added to. */
  readonly from: Tensor;
  /** Where the sum goes: `from` itself where the stream is updated in place. */
  readonly to: Tensor;
  /** Projects `input`, the part's own features, into `output` [rows, hidden], or adds it there. */
  readonly project: (output: Tensor, accumulate: boolean) => void;
  readonly norm: NormWeights | undefined;
}

/** to = from + residualScale · norm(part), for rows of the residual stream; of several ranks' parts it is their sum. */
export function addPart(runner: Runner, scratch: Scratch, spec: ModelSpec, { from, to, project, norm }: PartOutput): void {
  const { residualScale } = spec;
  const { ranks } = runner;
  if (norm === undefined && residualScale === 1 && ranks === undefined) {
    if (to !== from) runner.run(cast, { input: from, output: to });
    project(to, true);
    return;
  }
  const projected = scratch.partOutput(from.numRows);
  project(projected, false);
  if (ranks !== undefined) runner.run(allReduce, { values: projected, ranks });
  let part = projected;
  if (norm !== undefined) {
    part = scratch.normed(from.numRows);
    normalize(runner, spec.norm, norm, projected, part);
  }
  runner.run(add, { a: from, b: part, scale: residualScale, output: to });
}

/** The projection of a part by one matrix. */
export function projectionOf(runner: Runner, input: Tensor, projection: Projection): PartOutput["project"] {
  return (output, accumulate) => {
    runner.run(linear, { input, ...projection, output, accumulate });
  };
}
