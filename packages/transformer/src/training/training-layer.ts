import { cacheAppend } from "@elastic-attention/attention";
import { routerLogits, routerParameters, type RouterWeights } from "@elastic-attention/router";
import { cast, downloadFloats, headNorm, linear, rmsNorm, rotary, swiglu, type Tape, type Tensor, uploadFloats } from "@elastic-attention/tensor";
import type { LayerWeights } from "../layer/decoder-weights.js";
import { splitHeads } from "../layer/fused-heads.js";
import type { ModelSpec } from "../model/model-spec.js";
import type { RotaryTable } from "../layer/rotary-table.js";
import { gatedAttention } from "./gated-attention.js";
import type { LayerDecision } from "./layer-decision.js";
import type { TrainingBatch } from "./training-batch.js";

/** One layer of a training step. */
export interface TrainingLayer {
  readonly spec: ModelSpec;
  readonly batch: TrainingBatch;
  readonly rotaryTable: RotaryTable;
  readonly weights: LayerWeights;
  readonly router: RouterWeights;
  readonly decision: LayerDecision;
  readonly checkpointing: boolean;
  readonly deterministic: boolean;
}

/** The layer of the model's prefill, as steps of a tape, with a gated attention: `hidden` to `next`, [rows, hidden]. */
export function runTrainingLayer(tape: Tape, layer: TrainingLayer, hidden: Tensor, next: Tensor): void {
  if (!layer.checkpointing) return layerBody(tape, layer, hidden, next);
  const inputs = [hidden, ...routerParameters(layer.router)];
  tape.checkpoint({ inputs, outputs: [next], isLoss: true }, (inner) => layerBody(inner, layer, hidden, next));
}

function layerBody(tape: Tape, layer: TrainingLayer, hidden: Tensor, next: Tensor): void {
  const { spec, batch, weights } = layer;
  const attention = attentionBody(tape, layer, hidden);
  const between = tape.allocate(hidden.shape, hidden.dtype);
  for (const [start, end] of batch.chunks()) {
    const output = between.rows(start, end);
    tape.run(cast, { input: hidden.rows(start, end), output });
    tape.run(linear, { input: attention.rows(start, end), ...weights.attentionOutput, output, accumulate: true });
  }
  for (const [start, end] of batch.chunks()) {
    const [from, to] = [between.rows(start, end), next.rows(start, end)];
    if (layer.checkpointing) tape.checkpoint({ inputs: [from], outputs: [to] }, (inner) => mlpBody(inner, spec, weights, from, to));
    else mlpBody(tape, spec, weights, from, to);
  }
}

/** Everything up to the output projection: [rows, numQueryHeads · headDim]. */
function attentionBody(tape: Tape, layer: TrainingLayer, hidden: Tensor): Tensor {
  const { spec, batch, weights, decision } = layer;
  const { numQueryHeads, numKeyValueHeads, headDim, rmsNormEpsilon: epsilon } = spec;
  const fused = tape.allocate([batch.numRows, (numQueryHeads + 2 * numKeyValueHeads) * headDim], hidden.dtype);
  const normed = tape.allocate([Math.min(batch.chunkRows, batch.numRows), spec.hiddenSize], hidden.dtype);
  for (const [start, end] of batch.chunks()) {
    const output = normed.rows(0, end - start);
    tape.run(rmsNorm, { input: hidden.rows(start, end), weight: weights.attentionNorm, epsilon, output });
    tape.run(linear, { input: output, ...weights.queryKeyValue, output: fused.rows(start, end) });
  }
  const { query, key, value } = splitHeads(fused, spec);
  if (weights.queryNorm !== undefined && weights.keyNorm !== undefined) {
    tape.run(headNorm, { heads: query, weight: weights.queryNorm, epsilon });
    tape.run(headNorm, { heads: key, weight: weights.keyNorm, epsilon });
  }
  const gates = decideGates(tape, layer, key);
  // The router's gradient reads the keys as they are now, so the rotation needs a copy of them.
  const rotated = tape.allocate(key.shape, key.dtype);
  tape.run(cast, { input: key, output: rotated });
  const { cosine, sine } = layer.rotaryTable.tables(batch.longest);
  tape.run(rotary, { heads: query, positions: batch.positions, cosine, sine });
  tape.run(rotary, { heads: rotated, positions: batch.positions, cosine, sine });
  const { keys, values, caches } = batch.caches(tape, spec, hidden.dtype);
  for (const [index, [start, end]] of batch.segments().entries()) {
    const cache = { ...caches[index]!, length: 0 };
    tape.run(cacheAppend, { keys: rotated.rows(start, end), values: value.rows(start, end), cache });
  }
  const scale = headDim ** -0.5;
  const sequences = decision.sequences(query, caches, scale);
  const { offsets } = batch;
  const { deterministic } = layer;
  const output = gatedAttention(tape, { query, keys, values, sequences, offsets, gates, decision, scale, deterministic });
  return output.reshape([batch.numRows, numQueryHeads * headDim]);
}

/** Router logits from the keys before RoPE, and the gates that the relaxation makes of them: f32 [segments, kvHeads]. */
function decideGates(tape: Tape, { spec, batch, router, decision }: TrainingLayer, keys: Tensor): Tensor {
  const { offsets, pack, numSegments } = batch;
  const logits = tape.allocate([numSegments, spec.numKeyValueHeads, router.classes], "f32");
  const pooling = { kind: "ranges", ranges: pack.pooledRanges } as const;
  tape.run(routerLogits, { keys, offsets, weights: router, pooling, rounding: "float32", output: logits });
  const gates = tape.allocate([numSegments, spec.numKeyValueHeads], "f32");
  tape.apply({
    name: "gates",
    inputs: [logits],
    outputs: [gates],
    // Their own term of the objective has a gradient even where the model's loss has none.
    isLoss: true,
    run: () => uploadFloats(gates, decision.decide(() => downloadFloats(logits))),
    backward(gradients) {
      const incoming = gradients.incoming(gates) ?? gradients.zeros(gates.shape, "f32");
      const gradient = decision.backward(downloadFloats(incoming));
      gradients.overwrite([logits], ([target]) => uploadFloats(target, gradient));
    },
  });
  return gates;
}

function mlpBody(tape: Tape, spec: ModelSpec, weights: LayerWeights, from: Tensor, to: Tensor): void {
  const { intermediateSize, rmsNormEpsilon: epsilon } = spec;
  const rows = from.numRows;
  const normed = tape.allocate(from.shape, from.dtype);
  const gateUp = tape.allocate([rows, 2 * intermediateSize], from.dtype);
  const activation = tape.allocate([rows, intermediateSize], from.dtype);
  const [gate, up] = [gateUp.columns(0, intermediateSize), gateUp.columns(intermediateSize, 2 * intermediateSize)];
  tape.run(rmsNorm, { input: from, weight: weights.mlpNorm, epsilon, output: normed });
  tape.run(linear, { input: normed, ...weights.gateUp, output: gateUp });
  tape.run(swiglu, { gate, up, output: activation });
  tape.run(cast, { input: from, output: to });
  tape.run(linear, { input: activation, ...weights.down, output: to, accumulate: true });
}
