import { linear, type Operation, type RankGroup, type Tensor } from "@elastic-attention/tensor";
import type { ModelSpec } from "../model/model-spec.js";
import type { ExpertsFeedForward } from "../model/layer-spec.js";
import type { LayerWeights, NormWeights } from "./decoder-weights.js";
import type { ExpertTensors } from "./expert-feed-forward.js";
import { feedForward } from "./feed-forward.js";
import { normalize } from "./normalize.js";
import { addPart, projectionOf } from "./residual.js";

/** Runs the operations of a layer: the kernels of a backend, or a tape that remembers them for the way back. */
export interface Runner {
  run<Call, Result>(operation: Operation<Call, Result>, call: Call): Result | undefined;
  /** The ranks that have the layer's heads and features together: what its parts give are summands, one on each. */
  readonly ranks?: RankGroup | undefined;
}

/** What was issued last when a layer lets others have their turn. */
export type LayerPhase = "projection" | "cache" | "attention" | "feed-forward";

/** Work that is issued piece by piece. */
export type LayerSteps<Result = void> = Generator<LayerPhase, Result>;

/** Rows [start, end). */
export type RowRange = readonly [start: number, end: number];

/** Memory for values that live within a layer. */
export interface Scratch {
  /** [rows, hidden]: input of a projection; the next call may give the same memory again. */
  normed(rows: number): Tensor;
  /** [rows, hidden]: what a part gives before its norm or scale; may be the memory of `normed` where no gradient reads it. */
  partOutput(rows: number): Tensor;
  /** [rows, features]. */
  gateUp(rows: number, features: number): Tensor;
  /** Shape of `gate`: where the activation goes. `gate` itself, unless it is read again. */
  activation(gate: Tensor): Tensor;
  /** For a layer of experts. */
  experts(rows: number, spec: ExpertsFeedForward): ExpertTensors;
}

/** The residual stream around a layer, [rows, hidden] each; one tensor thrice where it is updated in place. */
export interface ResidualStream {
  readonly before: Tensor;
  readonly between: Tensor;
  readonly after: Tensor;
}

/** What a pass over the layers supplies: memory, and how it attends. Everything else of a layer is the same in all of them. */
export interface LayerPass {
  readonly spec: ModelSpec;
  readonly runner: Runner;
  readonly scratch: Scratch;
  readonly stream: ResidualStream;
  /** Row ranges that projections and the feed-forward part take at a time. */
  readonly chunks: readonly RowRange[];
  /** [rows, (queryHeads + 2 · keyValueHeads) · headDim]. */
  readonly queryKeyValue: Tensor;
  /** From the fused projection to the heads' outputs, [rows, queryHeads · headDim]. */
  attend(weights: LayerWeights, layer: number): LayerSteps<Tensor>;
  /** Runs a part of the layer that can be computed again from its inputs alone: what a tape may keep a checkpoint of. */
  part(inputs: readonly Tensor[], output: Tensor, body: (runner: Runner, scratch: Scratch) => void): void;
}

/**
 * One decoder layer: fused projection of queries, keys and values; attention; output projection and feed-forward part, each
 * added to the residual stream, one after the other or side by side. Norms stand before the parts, after them, or both. What
 * takes rows by themselves takes them in chunks.
 */
export function* decoderLayer(pass: LayerPass, weights: LayerWeights, layer: number): LayerSteps {
  const { spec, runner, scratch, chunks, queryKeyValue } = pass;
  const { before, between, after } = pass.stream;
  for (const [start, end] of chunks) {
    const input = partInput(runner, scratch, spec, weights.attentionNorm, before.rows(start, end));
    runner.run(linear, { input, ...weights.queryKeyValue, output: queryKeyValue.rows(start, end) });
    yield "projection";
  }
  const attended = yield* pass.attend(weights, layer);
  for (const [start, end] of chunks) {
    const from = before.rows(start, end);
    const middle = between === before ? from : between.rows(start, end);
    const to = after === between ? middle : after.rows(start, end);
    const heads = attended.rows(start, end);
    if (spec.parallelParts) {
      pass.part([from, heads], to, (...memory) => parallelParts(...memory, spec, weights, layer, { from, heads, to }));
    } else {
      const { attentionOutput, attentionOutputNorm: norm } = weights;
      addPart(runner, scratch, spec, { from, to: middle, project: projectionOf(runner, heads, attentionOutput), norm });
      pass.part([middle], to, (...memory) => feedForwardPart(...memory, spec, weights, layer, middle, to));
    }
    yield "feed-forward";
  }
}

/** A whole layer at once. */
export function runDecoderLayer(pass: LayerPass, weights: LayerWeights, layer: number): void {
  for (const _ of decoderLayer(pass, weights, layer));
}

/** to = from + feedForward(norm(from)). */
function feedForwardPart(runner: Runner, scratch: Scratch, spec: ModelSpec, weights: LayerWeights, layer: number, from: Tensor, to: Tensor): void {
  const input = partInput(runner, scratch, spec, weights.mlpNorm, from);
  const project = feedForward(runner, scratch, spec.layers[layer]!.feedForward, weights.feedForward, input);
  addPart(runner, scratch, spec, { from, to, project, norm: weights.mlpOutputNorm });
}

interface ParallelRows {
  readonly from: Tensor;
  /** [rows, queryHeads · headDim]. */
  readonly heads: Tensor;
  readonly to: Tensor;
}

/** to = from + attention + feedForward(norm(from)): the norm is computed again, before the stream changes. */
function parallelParts(runner: Runner, scratch: Scratch, spec: ModelSpec, weights: LayerWeights, layer: number, { from, heads, to }: ParallelRows): void {
  const input = partInput(runner, scratch, spec, weights.attentionNorm, from);
  const project = feedForward(runner, scratch, spec.layers[layer]!.feedForward, weights.feedForward, input);
  const { attentionOutput, attentionOutputNorm, mlpOutputNorm } = weights;
  addPart(runner, scratch, spec, { from, to, project: projectionOf(runner, heads, attentionOutput), norm: attentionOutputNorm });
  addPart(runner, scratch, spec, { from: to, to, project, norm: mlpOutputNorm });
}

/** What a part reads: rows of the stream, normalised where the model has a norm there. */
function partInput(runner: Runner, scratch: Scratch, spec: ModelSpec, norm: NormWeights | undefined, from: Tensor): Tensor {
  if (norm === undefined) return from;
  const normed = scratch.normed(from.numRows);
  normalize(runner, spec.norm, norm, from, normed);
  return normed;
}
