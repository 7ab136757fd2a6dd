import { gatedActivation, linear, rmsNorm, type Tensor } from "@elastic-attention/tensor";
import type { ModelSpec } from "../model/model-spec.js";
import type { Runner, Scratch } from "./decoder-layer.js";
import type { LayerWeights } from "./decoder-weights.js";
import { addProjection } from "./residual.js";

/** to = from + down(silu(gate(norm(from))) · up(norm(from))) for some rows. */
export function feedForward(runner: Runner, scratch: Scratch, spec: ModelSpec, weights: LayerWeights, from: Tensor, to: Tensor): void {
  const { intermediateSize, rmsNormEpsilon: epsilon } = spec;
  const normed = scratch.normed(from.numRows);
  const gateUp = scratch.gateUp(from.numRows);
  const [gate, up] = [gateUp.columns(0, intermediateSize), gateUp.columns(intermediateSize, 2 * intermediateSize)];
  const activation = scratch.activation(gate);
  runner.run(rmsNorm, { input: from, weight: weights.mlpNorm, epsilon, output: normed });
  runner.run(linear, { input: normed, ...weights.gateUp, output: gateUp });
  runner.run(gatedActivation, { gate, up, activation: "silu", output: activation });
  addProjection(runner, { from, to, input: activation, projection: weights.down });
}
