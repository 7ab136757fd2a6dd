import { cacheAppend, hybridAttention, knownPatterns, type LayerCache, patternOf } from "@elastic-attention/attention";
import { decisionLogits, decisionsOf, routerParameters, type RouterWeights } from "@elastic-attention/router";
import { cast, downloadFloats, type Tape, type Tensor, uploadFloats } from "@elastic-attention/tensor";
import { attendHeads, attentionScores, type HeadPass } from "../layer/attend-heads.js";
import { type LayerPass, type LayerSteps, runDecoderLayer } from "../layer/decoder-layer.js";
import type { LayerWeights } from "../layer/decoder-weights.js";
import type { BatchRotations } from "../layer/rotation/batch-rotations.js";
import type { ModelSpec } from "../model/model-spec.js";
import { slidingModes } from "../model/sliding-modes.js";
import { gatedAttention } from "./gated-attention.js";
import type { LayerGates } from "./layer-gates.js";
import { TapeScratch } from "./tape-scratch.js";
import type { TrainingBatch } from "./training-batch.js";

/** What is decided about a layer's heads. */
export interface RoutedLayer {
  readonly router: RouterWeights;
  readonly layerGates: LayerGates;
}

/** One layer of a training step. */
export interface TrainingLayer {
  readonly index: number;
  readonly spec: ModelSpec;
  readonly batch: TrainingBatch;
  readonly rotations: BatchRotations;
  readonly weights: LayerWeights;
  /** Undefined in a layer with a sliding window, which attends as the model says. */
  readonly routed: RoutedLayer | undefined;
  readonly checkpointing: boolean;
  readonly deterministic: boolean;
}

/** A decoder layer as steps of a tape, with a gated attention where a router decides: `hidden` to `next`, [rows, hidden]. */
export function runTrainingLayer(tape: Tape, layer: TrainingLayer, hidden: Tensor, next: Tensor): void {
  const body = (inner: Tape) => runDecoderLayer(trainingPass(inner, layer, hidden, next), layer.weights, layer.index);
  if (!layer.checkpointing) return body(tape);
  tape.checkpoint({ inputs: [hidden, ...(layer.routed === undefined ? [] : routerParameters(layer.routed.router))], outputs: [next], isLoss: true }, body);
}

function trainingPass(tape: Tape, layer: TrainingLayer, hidden: Tensor, next: Tensor): LayerPass {
  const { spec, batch, checkpointing } = layer;
  const { numQueryHeads, numKeyValueHeads, headDim } = spec;
  const queryKeyValue = tape.allocate([batch.numRows, (numQueryHeads + 2 * numKeyValueHeads) * headDim], hidden.dtype);
  const scratch = new TapeScratch(tape, spec, hidden.dtype, Math.min(batch.chunkRows, batch.numRows));
  return {
    spec,
    runner: tape,
    scratch,
    stream: { before: hidden, between: tape.allocate(hidden.shape, hidden.dtype), after: next },
    chunks: batch.chunks,
    queryKeyValue,
    attend: (weights) => attendHeads(layer.routed === undefined ? slidingHeads(tape, layer) : gatedHeads(tape, layer, layer.routed), weights, queryKeyValue),
    part(inputs, output, body) {
      if (!checkpointing) return body(tape, scratch);
      tape.checkpoint({ inputs, outputs: [output] }, (inner) => body(inner, new TapeScratch(inner, spec, output.dtype, output.numRows)));
    },
  };
}

/** Keys and values of a layer in caches of the tape, one for each segment. */
function storedHeads(tape: Tape, { spec, batch, rotations, index }: TrainingLayer) {
  let stored: { readonly keys: Tensor; readonly values: Tensor; readonly caches: readonly LayerCache[] };
  return {
    spec,
    runner: tape,
    rotation: () => rotations.of(index),
    store(key: Tensor, value: Tensor) {
      stored = batch.caches(tape, spec, key.dtype);
      for (const [segment, [start, end]] of batch.segments.entries()) {
        const cache = { ...stored.caches[segment]!, length: 0 };
        tape.run(cacheAppend, { keys: key.rows(start, end), values: value.rows(start, end), cache });
      }
    },
    stored: () => stored,
  };
}

/** Heads of a layer with a sliding window. */
function slidingHeads(tape: Tape, layer: TrainingLayer): HeadPass {
  const { spec, batch } = layer;
  const pattern = patternOf(slidingModes(spec)[layer.index]!);
  const routing = knownPatterns(Array.from({ length: spec.numKeyValueHeads }, () => pattern));
  const { stored, ...heads } = storedHeads(tape, layer);
  return {
    ...heads,
    *attend(query): LayerSteps<Tensor> {
      const { caches } = stored();
      const output = tape.allocate(query.shape, query.dtype);
      const logSumExp = tape.allocate([query.shape[0]!, query.shape[1]!], "f32");
      const sequences = batch.segments.map(([start, end], segment) => ({ start, length: end - start, cache: caches[segment]!, routing }));
      tape.run(hybridAttention, { query, output, sequences, logSumExp, ...attentionScores(spec, layer.weights) });
      yield "attention";
      return output.reshape([batch.numRows, spec.numQueryHeads * spec.headDim]);
    },
  };
}

/** Heads of one layer: gates from keys or queries before RoPE, both modes mixed by the gates. */
function gatedHeads(tape: Tape, layer: TrainingLayer, routed: RoutedLayer): HeadPass {
  const { spec, batch, deterministic } = layer;
  const { layerGates } = routed;
  const { offsets } = batch;
  let gates: Tensor;
  const { stored, ...heads } = storedHeads(tape, layer);
  return {
    ...heads,
    beforeRotation(key, query) {
      gates = decideGates(tape, layer, routed, key, query);
      // A router of layers has read a copy of the queries.
      if (routed.router.decides === "layer") return key;
      // The router's gradient reads the keys as they are now, so the rotation needs a copy of them.
      const copy = tape.allocate(key.shape, key.dtype);
      tape.run(cast, { input: key, output: copy });
      return copy;
    },
    *attend(query): LayerSteps<Tensor> {
      const { keys, values, caches } = stored();
      const scores = attentionScores(spec, layer.weights);
      const sequences = layerGates.sequences(query, caches, scores.scale);
      const output = gatedAttention(tape, { query, keys, values, sequences, offsets, gates, layerGates, scores, deterministic });
      yield "attention";
      return output.reshape([batch.numRows, spec.numQueryHeads * spec.headDim]);
    },
  };
}

/** Logits of the router's decisions, and the gates that the relaxation makes of them: f32 [segments, kvHeads]. */
function decideGates(tape: Tape, { spec, batch }: TrainingLayer, { router, layerGates }: RoutedLayer, keys: Tensor, queries: Tensor): Tensor {
  const { offsets, pack, numSegments } = batch;
  const logits = tape.allocate([numSegments, decisionsOf(router, spec.numKeyValueHeads), router.classes], "f32");
  const pooling = { kind: "ranges", ranges: pack.pooledRanges } as const;
  decisionLogits(tape, { keys, queries, offsets, weights: router, pooling, rounding: "float32", output: logits });
  const gates = tape.allocate([numSegments, spec.numKeyValueHeads], "f32");
  tape.apply({
    name: "gates",
    inputs: [logits],
    outputs: [gates],
    // Their own term of the objective has a gradient even where the model's loss has none.
    isLoss: true,
    run: () => uploadFloats(gates, layerGates.decide(() => downloadFloats(logits))),
    backward(gradients) {
      const incoming = gradients.incoming(gates) ?? gradients.zeros(gates.shape, "f32");
      const gradient = layerGates.backward(downloadFloats(incoming));
      gradients.overwrite([logits], ([target]) => uploadFloats(target, gradient));
    },
  });
  return gates;
}
