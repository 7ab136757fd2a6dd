import { type AttentionMode, attentionModeDefinition, type DecodePolicy, predictSlots, type Retention } from "@elastic-attention/attention";
import { dtypeByteSize, type FloatDType } from "@elastic-attention/tensor";
import type { ModelSpec } from "./model-spec.js";
import { tablePositions } from "./rotary-table.js";

/** What a prefill's memory depends on besides the model. */
export interface MemoryQuestion {
  readonly dtype: FloatDType;
  /** Rows of the prefill. */
  readonly tokens: number;
  /** Tokens that the cache makes room for beyond the prompt. Default 0. */
  readonly reserveTokens?: number;
  /** Share of key-value heads that are sparse, taken as the same in every layer. Default 0. */
  readonly sparsity?: number;
  /** Sparse heads of each layer, where they are known; instead of `sparsity`. */
  readonly sparseHeads?: readonly number[] | undefined;
  /** Mode of the sparse heads; without it none drops anything. */
  readonly sparseMode?: AttentionMode;
  /** Mode of the others; default full. */
  readonly retrievalMode?: AttentionMode;
  /** Default "routed". */
  readonly decode?: DecodePolicy;
  /** See `WorkSizes`. */
  readonly chunkRows: number;
  /** Rows of logits at the end. Default 1. */
  readonly logitsRows?: number;
  /** Bytes of the packed weights where the backend's own figure is known; default: from the spec. */
  readonly weightBytes?: number;
}

/** Bytes that a prefill needs, by what they are for. */
export interface MemoryPrediction {
  /** Weights, norms and embedding table. */
  readonly weightBytes: number;
  /** Tables of the rotary embedding; they stay with the model. */
  readonly tableBytes: number;
  /** Residual stream, one layer's queries, keys and values, one chunk of the MLP. */
  readonly activationBytes: number;
  /** Keys and values of all layers when the prefill is done. */
  readonly keyValueBytes: number;
  /** The same with every head full. */
  readonly fullKeyValueBytes: number;
  /** Highest sum of everything alive at once: in one of the last layers, whose heads still hold all tokens. */
  readonly peakBytes: number;
  /** `peakBytes` without what stays loaded: what a request adds. */
  readonly requestBytes: number;
}

/** Predicts the memory of a prefill of one new sequence. */
export function predictMemory(spec: ModelSpec, question: MemoryQuestion): MemoryPrediction {
  const { dtype, tokens, chunkRows, logitsRows = 1 } = question;
  const { hiddenSize, intermediateSize, headDim, numQueryHeads, numKeyValueHeads, vocabularySize } = spec;
  const size = dtypeByteSize(dtype);
  const weightBytes = question.weightBytes ?? predictWeightBytes(spec, dtype);
  const tableBytes = tablePositions(tokens, spec.contextLength) * headDim * 4;
  const chunk = Math.min(tokens, chunkRows);
  const perToken = hiddenSize + (numQueryHeads + 2 * numKeyValueHeads) * headDim;
  const positionBytes = tokens * 8;
  const activationBytes = size * (tokens * perToken + chunk * (hiddenSize + 2 * intermediateSize)) + positionBytes;
  const { keyValueBytes, mostBytes, fullKeyValueBytes } = predictKeyValues(spec, question);
  const logitsBytes = Math.min(logitsRows, tokens) * (size * hiddenSize + 4 * vocabularySize);
  const requestBytes = activationBytes + Math.max(mostBytes, keyValueBytes + logitsBytes);
  return {
    weightBytes,
    tableBytes,
    activationBytes,
    keyValueBytes,
    fullKeyValueBytes,
    requestBytes,
    peakBytes: weightBytes + tableBytes + requestBytes,
  };
}

/** Keys and values after the prefill, the most during it, masks included, and what they would be with every head full. */
function predictKeyValues(spec: ModelSpec, question: MemoryQuestion) {
  const { dtype, tokens, reserveTokens = 0, sparseMode, decode = "routed" } = question;
  const { numLayers, numKeyValueHeads, headDim } = spec;
  const bytesPerSlot = 2 * dtypeByteSize(dtype) * headDim;
  const all: Retention = { type: "all" };
  const sparse = decode === "full" || sparseMode === undefined ? all : attentionModeDefinition(sparseMode).retention(sparseMode);
  const slots = (retentions: readonly Retention[]) => predictSlots(retentions, tokens, reserveTokens);
  const fullSlots = slots(Array.from({ length: numKeyValueHeads }, () => all));
  const mask = maskBytes(spec, question);
  let [settled, most] = [0, 0];
  for (const count of question.sparseHeads ?? evenly(question.sparsity ?? 0, numLayers, numKeyValueHeads)) {
    const retentions = Array.from({ length: numKeyValueHeads }, (_, head) => (head < count ? sparse : all));
    // A layer that would not become smaller stays as it is; one that does is copied while both are there.
    const dropped = Math.min(fullSlots, slots(retentions));
    const moving = dropped < fullSlots ? bytesPerSlot * dropped : 0;
    most = Math.max(most, settled + bytesPerSlot * fullSlots + Math.max(mask, moving));
    settled += bytesPerSlot * dropped;
  }
  return {
    keyValueBytes: settled,
    mostBytes: most,
    fullKeyValueBytes: bytesPerSlot * fullSlots * numLayers,
  };
}

/** The mask of a layer whose heads choose blocks; 0 where none does. */
function maskBytes({ numQueryHeads }: ModelSpec, { tokens, retrievalMode, sparseMode }: MemoryQuestion): number {
  const sides = [retrievalMode, sparseMode].flatMap((mode) => {
    const pattern = mode === undefined ? undefined : attentionModeDefinition(mode).pattern(mode);
    return pattern?.type === "selected" ? [Math.ceil(tokens / pattern.blockSize)] : [];
  });
  return Math.max(0, ...sides.map((blocks) => numQueryHeads * blocks ** 2));
}

/** Sparse heads of each layer when the same share of every layer is sparse, to within one head. */
function evenly(sparsity: number, numLayers: number, numKeyValueHeads: number): number[] {
  const until = (layer: number) => Math.round(sparsity * numKeyValueHeads * layer);
  return Array.from({ length: numLayers }, (_, layer) => until(layer + 1) - until(layer));
}

/** Bytes of a model's weights as they are loaded: matrices in `dtype`, norms and biases in f32. */
export function predictWeightBytes(spec: ModelSpec, dtype: FloatDType): number {
  const { hiddenSize, intermediateSize, numQueryHeads, numKeyValueHeads, headDim } = spec;
  const queryKeyValue = (numQueryHeads + 2 * numKeyValueHeads) * headDim;
  const matrices = hiddenSize * (queryKeyValue + numQueryHeads * headDim + 3 * intermediateSize);
  const biases =
    (spec.queryKeyValueBias ? queryKeyValue : 0) + (spec.attentionOutputBias ? hiddenSize : 0) + (spec.mlpBias ? 2 * intermediateSize + hiddenSize : 0);
  const vectors = 2 * hiddenSize + (spec.queryKeyNorm ? 2 * headDim : 0) + biases;
  // Embedding and output are two tables also where a checkpoint ties them: one is looked up in, one is packed.
  const tables = 2 * spec.vocabularySize * hiddenSize;
  return dtypeByteSize(dtype) * (spec.numLayers * matrices + tables) + 4 * (spec.numLayers * vectors + hiddenSize);
}
