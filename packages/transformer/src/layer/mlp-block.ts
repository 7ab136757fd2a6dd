import { type Backend, linear, rmsNorm, swiglu } from "@elastic-attention/tensor";
import type { LayerWeights } from "./decoder-weights.js";
import type { ModelSpec } from "../model/model-spec.js";
import type { Workspace } from "./workspace.js";

/** hidden += down(silu(gate(norm(hidden))) · up(norm(hidden))) for one range of rows. */
export function mlpBlock(
  backend: Backend,
  spec: ModelSpec,
  weights: LayerWeights,
  workspace: Workspace,
  [start, end]: readonly [number, number],
): void {
  const { kernels } = backend;
  const hidden = workspace.hidden.rows(start, end);
  const normed = workspace.normed.rows(0, end - start);
  const gateUp = workspace.gateUp.rows(0, end - start);
  const gate = gateUp.columns(0, spec.intermediateSize);
  const up = gateUp.columns(spec.intermediateSize, 2 * spec.intermediateSize);
  kernels.run(rmsNorm, { input: hidden, weight: weights.mlpNorm, epsilon: spec.rmsNormEpsilon, output: normed });
  kernels.run(linear, { input: normed, ...weights.gateUp, output: gateUp });
  kernels.run(swiglu, { gate, up, output: gate });
  kernels.run(linear, { input: gate, ...weights.down, output: hidden, accumulate: true });
}
