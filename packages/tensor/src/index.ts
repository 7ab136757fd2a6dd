export {
  CheckpointLayoutError,
  MissingGradientRuleError,
  MissingTensorError,
  SafetensorsFormatError,
  TapeError,
  type SafetensorsProblem,
} from "@elastic-attention/core";
export * from "./autograd/gradient-check.js";
export * from "./autograd/gradient-rule.js";
export * from "./autograd/tape.js";
export * from "./backend.js";
export * from "./backend-registry.js";
export * from "./block-weights.js";
export * from "./checkpoint.js";
export * from "./dtype.js";
export * from "./float-transfer.js";
export * from "./gguf/index.js";
export * from "./growable-tensor.js";
export * from "./kernel-registry.js";
export * from "./memory-account.js";
export * from "./operation.js";
export { type Activation, activations, type ClampedSwiglu, type GateActivation } from "./operations/activations/activation-values.js";
export * from "./operations/activations/activate.js";
export * from "./operations/activations/activate-backward.js";
export * from "./operations/activations/gated-activation.js";
export * from "./operations/activations/gated-activation-backward.js";
export * from "./operations/elements/add.js";
export * from "./operations/elements/cast.js";
export * from "./operations/elements/copy-spans.js";
export * from "./operations/tokens/cross-entropy.js";
export * from "./operations/tokens/embed-blocks.js";
export * from "./operations/tokens/embedding.js";
export * from "./operations/elements/expect-shape.js";
export * from "./operations/elements/fill-normal.js";
export * from "./operations/elements/first-not-finite.js";
export * from "./operations/elements/scale.js";
export * from "./operations/elements/scale-backward.js";
export * from "./operations/experts/combine-rows.js";
export * from "./operations/experts/combine-rows-backward.js";
export * from "./operations/experts/dispatch-rows.js";
export * from "./operations/experts/expert-groups.js";
export * from "./operations/experts/expert-linear.js";
export * from "./operations/experts/expert-linear-input-gradient.js";
export * from "./operations/experts/expert-weight.js";
export * from "./operations/experts/route-experts.js";
export * from "./operations/experts/route-experts-backward.js";
export * from "./operations/norm/head-norm.js";
export * from "./operations/norm/head-norm-backward.js";
export * from "./operations/linear/linear.js";
export * from "./operations/linear/linear-input-gradient.js";
export * from "./operations/linear/linear-weight.js";
export * from "./operations/linear/pack-blocks.js";
export * from "./operations/linear/quantise-linear.js";
export * from "./operations/linear/scaled-matrix.js";
export * from "./operations/linear/unpack-blocks.js";
export * from "./operations/norm/layer-norm.js";
export * from "./operations/norm/layer-norm-backward.js";
export * from "./operations/norm/rms-norm.js";
export * from "./operations/norm/rms-norm-backward.js";
export * from "./operations/ranks/all-reduce.js";
export * from "./operations/ranks/gather-columns.js";
export * from "./operations/ranks/open-rank-group.js";
export * from "./operations/ranks/rank-group.js";
export * from "./operations/rotary/rotary.js";
export * from "./operations/rotary/rotary-tables.js";
export * from "./operations/tokens/log-probabilities.js";
export * from "./operations/tokens/sample-tokens.js";
export * from "./operations/tokens/uniform-number.js";
export * from "./pending-download.js";
export type { ByteRange } from "./positional-file.js";
export * from "./reference/dot-products.js";
export * from "./reference/floats.js";
export * from "./reference/reference-backend.js";
export * from "./reference/reference-provider.js";
export * from "./safetensors/index.js";
export * from "./tensor.js";
export * from "./weight-formats/index.js";
export * from "./work-sizes.js";
