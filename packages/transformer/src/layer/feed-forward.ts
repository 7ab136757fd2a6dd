import { linear, type Tensor } from "@elastic-attention/tensor";
import { ModelConfigError } from "@elastic-attention/core";
import { type FeedForwardSpec, innerFeatures } from "../model/layer-spec.js";
import { activateInner } from "./activate-inner.js";
import type { Runner, Scratch } from "./decoder-layer.js";
import type { FeedForwardWeights } from "./decoder-weights.js";
import { expertFeedForward } from "./expert-feed-forward.js";
import { type PartOutput, projectionOf } from "./residual.js";

/** The feed-forward part over normed rows, up to its last projection, which the residual stream takes. */
export function feedForward(runner: Runner, scratch: Scratch, spec: FeedForwardSpec, weights: FeedForwardWeights, input: Tensor): PartOutput["project"] {
  if (spec.kind === "experts" && weights.kind === "experts") return expertFeedForward(runner, scratch, spec, weights, input);
  if (spec.kind === "dense" && weights.kind === "dense") {
    const projected = scratch.gateUp(input.numRows, innerFeatures(spec));
    runner.run(linear, { input, ...weights.gateUp, output: projected });
    return projectionOf(runner, activateInner(runner, scratch, spec, projected), weights.down);
  }
  throw new ModelConfigError(`A layer whose spec says "${spec.kind}" has weights of a layer that is "${weights.kind}".`);
}
