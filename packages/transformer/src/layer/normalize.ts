import { layerNorm, layerNormBackward, rmsNorm, rmsNormBackward, type Tensor } from "@elastic-attention/tensor";
import type { NormSpec } from "../model/layer-spec.js";
import type { Runner } from "./decoder-layer.js";
import type { NormWeights } from "./decoder-weights.js";

/** A norm of rows [rows, hidden] as the model has them; `output` may be `input` where no gradient is wanted. */
export function normalize(runner: Runner, { kind, epsilon }: NormSpec, { gain, bias }: NormWeights, input: Tensor, output: Tensor): void {
  if (kind === "rms") runner.run(rmsNorm, { input, weight: gain, epsilon, output });
  else runner.run(layerNorm, { input, weight: gain, ...(bias === undefined ? {} : { bias }), epsilon, output });
}

export interface NormGradientCall {
  /** [rows, hidden]: what was normalised. */
  readonly input: Tensor;
  readonly outputGradient: Tensor;
  readonly inputGradient: Tensor;
  /** Adds to what `inputGradient` holds. */
  readonly accumulate: boolean;
}

/** Gradient of {@link normalize} with respect to its input. */
export function normalizeBackward(runner: Runner, { kind, epsilon }: NormSpec, { gain }: NormWeights, call: NormGradientCall): void {
  runner.run(kind === "rms" ? rmsNormBackward : layerNormBackward, { ...call, weight: gain, epsilon });
}
