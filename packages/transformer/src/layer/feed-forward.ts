import { activate, gatedActivation, linear, type Tensor } from "@elastic-attention/tensor";
import { ModelConfigError } from "@elastic-attention/core";
import { type DenseFeedForward, type FeedForwardSpec, innerFeatures } from "../model/layer-spec.js";
import type { Runner, Scratch } from "./decoder-layer.js";
import type { DenseWeights, FeedForwardWeights } from "./decoder-weights.js";
import { type PartOutput, projectionOf } from "./residual.js";

/** The feed-forward part over normed rows, up to its last projection, which the residual stream takes. */
export function feedForward(runner: Runner, scratch: Scratch, spec: FeedForwardSpec, weights: FeedForwardWeights, input: Tensor): PartOutput["project"] {
  switch (spec.kind) {
    case "dense":
      return denseFeedForward(runner, scratch, spec, weights, input);
    case "experts":
      throw new ModelConfigError("Layers of experts are not supported.");
  }
}

/** down(activation(gate) · up), or down(activation(up)). */
function denseFeedForward(runner: Runner, scratch: Scratch, spec: DenseFeedForward, weights: DenseWeights, input: Tensor): PartOutput["project"] {
  const { intermediateSize, activation, gated } = spec;
  const projected = scratch.gateUp(input.numRows, innerFeatures(spec));
  runner.run(linear, { input, ...weights.gateUp, output: projected });
  if (!gated) {
    if (typeof activation !== "string") throw new ModelConfigError(`Activation "${activation.kind}" needs a gate.`);
    const activated = scratch.activation(projected);
    runner.run(activate, { input: projected, activation, output: activated });
    return projectionOf(runner, activated, weights.down);
  }
  const [gate, up] = [projected.columns(0, intermediateSize), projected.columns(intermediateSize, 2 * intermediateSize)];
  const activated = scratch.activation(gate);
  runner.run(gatedActivation, { gate, up, activation, output: activated });
  return projectionOf(runner, activated, weights.down);
}
