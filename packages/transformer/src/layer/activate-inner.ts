import { ModelConfigError } from "@elastic-attention/core";
import { activate, gatedActivation, type Tensor } from "@elastic-attention/tensor";
import type { FeedForwardSpec } from "../model/layer-spec.js";
import type { Runner, Scratch } from "./decoder-layer.js";

/** From the first projection of an MLP to what its last one reads: activation(gate) · up, or activation(up). */
export function activateInner(runner: Runner, scratch: Scratch, { intermediateSize, activation, gated }: FeedForwardSpec, projected: Tensor): Tensor {
  if (!gated) {
    if (typeof activation !== "string") throw new ModelConfigError(`Activation "${activation.kind}" needs a gate.`);
    const activated = scratch.activation(projected);
    runner.run(activate, { input: projected, activation, output: activated });
    return activated;
  }
  const [gate, up] = [projected.columns(0, intermediateSize), projected.columns(intermediateSize, 2 * intermediateSize)];
  const activated = scratch.activation(gate);
  runner.run(gatedActivation, { gate, up, activation, output: activated });
  return activated;
}
