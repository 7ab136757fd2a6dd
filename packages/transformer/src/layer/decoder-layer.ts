import { linear, type Operation, rmsNorm, type Tensor } from "@elastic-attention/tensor";
import type { ModelSpec } from "../model/model-spec.js";
import type { LayerWeights } from "./decoder-weights.js";
import { feedForward } from "./feed-forward.js";
import { addProjection } from "./residual.js";

/** Runs the operations of a layer: the kernels of a backend, or a tape that remembers them for the way back. */
export interface Runner {
  run<Call, Result>(operation: Operation<Call, Result>, call: Call): Result | undefined;
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
  /** [rows, 2 · intermediate]. */
  gateUp(rows: number): Tensor;
  /** Shape of `gate`: where the activation goes. `gate` itself, unless it is read again. */
  activation(gate: Tensor): Tensor;
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
  /** Runs a part of the layer that can be computed again from its input alone: what a tape may keep a checkpoint of. */
  part(input: Tensor, output: Tensor, body: (runner: Runner, scratch: Scratch) => void): void;
}

/**
 * One decoder layer: norm and fused projection of queries, keys and values; attention; output projection and feed-forward
 * part, each added to the residual stream. What takes rows by themselves takes them in chunks.
 */
export function* decoderLayer(pass: LayerPass, weights: LayerWeights, layer: number): LayerSteps {
  const { spec, runner, scratch, chunks, queryKeyValue } = pass;
  const { before, between, after } = pass.stream;
  for (const [start, end] of chunks) {
    const normed = scratch.normed(end - start);
    runner.run(rmsNorm, { input: before.rows(start, end), weight: weights.attentionNorm, epsilon: spec.rmsNormEpsilon, output: normed });
    runner.run(linear, { input: normed, ...weights.queryKeyValue, output: queryKeyValue.rows(start, end) });
    yield "projection";
  }
  const attended = yield* pass.attend(weights, layer);
  for (const [start, end] of chunks) {
    const from = before.rows(start, end);
    const middle = between === before ? from : between.rows(start, end);
    const to = after === between ? middle : after.rows(start, end);
    addProjection(runner, { from, to: middle, input: attended.rows(start, end), projection: weights.attentionOutput });
    pass.part(middle, to, (partRunner, partScratch) => feedForward(partRunner, partScratch, spec, weights, middle, to));
    yield "feed-forward";
  }
}

/** A whole layer at once. */
export function runDecoderLayer(pass: LayerPass, weights: LayerWeights, layer: number): void {
  for (const _ of decoderLayer(pass, weights, layer));
}
