import { dtypeByteSize, type FloatDType } from "@elastic-attention/tensor";
import { widestFeedForward } from "../model/layer-spec.js";
import type { ModelSpec } from "../model/model-spec.js";
import { expertWorkspaceBytes } from "./expert-memory.js";
import { lossChunkRows } from "../training/language-model-loss.js";

/** Rows that norms, projections and the MLP take at a time in training. */
export const defaultTrainingChunkRows = 4096;

export interface TrainingMemoryOptions {
  /** Default {@link defaultTrainingChunkRows}. */
  readonly chunkRows?: number | undefined;
  /** Rows whose queries routers of whole layers pool. Default 0. */
  readonly pooledRows?: number;
}

/**
 * Bytes that a training step with checkpoints needs besides the weights: the input of every layer, one layer's values
 * and gradients, and one chunk of the MLP's or of the loss's.
 */
export function predictTrainingMemory(
  spec: ModelSpec,
  dtype: FloatDType,
  rows: number,
  { chunkRows = defaultTrainingChunkRows, pooledRows = 0 }: TrainingMemoryOptions = {},
): number {
  const { hiddenSize, headDim, numQueryHeads, numKeyValueHeads, numLayers, vocabularySize } = spec;
  const size = dtypeByteSize(dtype);
  const [queries, keys] = [numQueryHeads * headDim, numKeyValueHeads * headDim];
  const checkpoints = (numLayers + 1) * hiddenSize;
  // Fused projection, copy for the head norms, rotated keys, caches, three outputs, the stream between the two halves.
  const values = queries + 2 * keys + (spec.queryKeyNorm === "none" ? 0 : queries + keys) + 3 * keys + 3 * queries + hiddenSize;
  // Stream before, between and after; output, fused projection, caches.
  const gradients = 3 * hiddenSize + 2 * queries + 2 * keys + 3 * keys;
  const logSumExp = 3 * numQueryHeads * 4;
  // What the parts give is kept where a norm or a scale follows it.
  const partOutput = spec.normPlaces === "before" && spec.residualScale === 1 ? 0 : hiddenSize;
  const chunk = Math.min(chunkRows, rows);
  const expertChunk = expertWorkspaceBytes(spec.layers, chunk, hiddenSize, dtype) + chunk * size * widestExpertOutput(spec);
  const mlpChunk = chunk * size * 2 * (hiddenSize + partOutput + widestFeedForward(spec.layers) + widestActivation(spec.layers)) + 2 * expertChunk;
  const lossChunk = Math.min(lossChunkRows, rows) * (vocabularySize * (4 * (spec.logitsSoftCap === undefined ? 1 : 2) + (dtype === "f32" ? 0 : size)) + 2 * hiddenSize * size);
  // The pooled queries and their gradient.
  const pooled = 2 * pooledRows * queries * size;
  return rows * (size * (checkpoints + values + gradients) + logSumExp) + pooled + Math.max(mlpChunk, lossChunk);
}

/** Bytes of one layer's outputs of the attention that can be kept rather than computed again. */
export function keptAttentionBytes({ headDim, numQueryHeads }: ModelSpec, dtype: FloatDType, rows: number): number {
  return 2 * rows * numQueryHeads * (headDim * dtypeByteSize(dtype) + 4);
}

function widestActivation(layers: ModelSpec["layers"]): number {
  return Math.max(0, ...layers.map(({ feedForward }) => (feedForward.kind === "dense" ? feedForward.intermediateSize : 0)));
}

/** Activations and outputs of the experts of one row: what training keeps beside a forward pass's memory. */
function widestExpertOutput({ layers, hiddenSize }: ModelSpec): number {
  const widths = layers.map(({ feedForward }) => (feedForward.kind === "experts" ? feedForward.expertsPerToken * (feedForward.intermediateSize + hiddenSize) : 0));
  return Math.max(0, ...widths);
}
