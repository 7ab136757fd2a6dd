import { combineRows, dispatchRows, expertLinear, type ExpertGroups, groupByExpert, linear, routeExperts, type Tensor } from "@elastic-attention/tensor";
import type { ExpertsFeedForward } from "../model/layer-spec.js";
import { activateInner } from "./activate-inner.js";
import type { Runner, Scratch } from "./decoder-layer.js";
import type { ExpertsWeights } from "./decoder-weights.js";
import type { PartOutput } from "./residual.js";

/** Memory of a layer of experts. Every choice of a row is a slot; slots lie by expert. */
export interface ExpertTensors {
  /** f32 [rows, experts]. */
  readonly logits: Tensor;
  /** i32 [rows, choices]. */
  readonly chosen: Tensor;
  /** f32 [rows, choices]. */
  readonly weights: Tensor;
  readonly groups: ExpertGroups;
  /** [slots, hidden]: what the experts read. */
  readonly input: Tensor;
  /** [slots, inner features]. */
  readonly inner: Tensor;
  /** [slots, hidden]: what the experts give; may be the memory of `input` where no gradient reads it. */
  readonly output: Tensor;
}

/** The sum of a few experts' MLPs for each row, weighted by the model's own router; up to that sum. */
export function expertFeedForward(runner: Runner, scratch: Scratch, spec: ExpertsFeedForward, weights: ExpertsWeights, rows: Tensor): PartOutput["project"] {
  const { logits, chosen, weights: chosenWeights, groups, input, inner, output: result } = scratch.experts(rows.numRows, spec);
  const { offsets } = groups;
  runner.run(linear, { input: rows, ...weights.router, output: logits });
  runner.run(routeExperts, { logits, normalized: spec.normalizeChosen, chosen, weights: chosenWeights });
  runner.run(groupByExpert, { chosen, groups });
  runner.run(dispatchRows, { input: rows, groups, output: input });
  runner.run(expertLinear, { input, offsets, ...weights.gateUp, output: inner });
  runner.run(expertLinear, { input: activateInner(runner, scratch, spec, inner), offsets, ...weights.down, output: result });
  return (output, accumulate) => {
    runner.run(combineRows, { input: result, groups, weights: chosenWeights, output, accumulate });
  };
}
