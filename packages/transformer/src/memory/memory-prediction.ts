import {
  type AttentionMode,
  attentionModeDefinition,
  type CacheType,
  type DecodePolicy,
  fullKeyValueBytes,
  patternOf,
  predictSlots,
  type Retention,
  slotBytes,
} from "@elastic-attention/attention";
import { layerQuotas } from "@elastic-attention/router";
import { dtypeByteSize, type FloatDType } from "@elastic-attention/tensor";
import { shareTable } from "../layer/rotation/model-rotations.js";
import { tablePositions } from "../layer/rotation/rotary-table.js";
import { widestFeedForward } from "../model/layer-spec.js";
import { type ModelSpec, routedLayers } from "../model/model-spec.js";
import { slidingModes } from "../model/sliding-modes.js";
import { outputRows } from "../parallel/model-shard.js";
import { expertWorkspaceBytes } from "./expert-memory.js";
import { predictWeightBytes } from "./weight-memory.js";

/** What the memory of a prefill depends on besides the model. */
export interface MemoryQuestion {
  readonly dtype: FloatDType;
  /** What keys and values are kept in; undefined: `dtype`. */
  readonly cacheType?: CacheType | undefined;
  /** See `WorkSizes`. */
  readonly readsRoundedCache?: boolean | undefined;
  /** See `WorkSizes`. */
  readonly chunkRows: number;
  /** New sequences that are read together. */
  readonly sequences: readonly SequenceQuestion[];
  /** Rows of logits for each sequence at the end. Default 1. */
  readonly logitsRows?: number;
  /** Tokens of a page, where keys and values lie in pages: each is taken whole. */
  readonly pageTokens?: number | undefined;
  /** Bytes of the packed weights where the backend's own figure is known; default: from the spec. */
  readonly weightBytes?: number;
}

/** One sequence of a {@link MemoryQuestion}. */
export interface SequenceQuestion {
  /** Tokens of the prompt. */
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
}

/** Bytes that a prefill needs, by what they are for. */
export interface MemoryPrediction {
  /** Weights, norms and embedding table. */
  readonly weightBytes: number;
  /** Tables of the rotary embedding; they stay with the model. */
  readonly tableBytes: number;
  /** Residual stream, one layer's queries, keys and values, one chunk of the feed-forward part. */
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

/** Predicts the memory of a prefill of new sequences that are read together. */
export function predictMemory(spec: ModelSpec, question: MemoryQuestion): MemoryPrediction {
  const { dtype, chunkRows, sequences, logitsRows = 1, pageTokens = 1 } = question;
  const { hiddenSize, headDim, numQueryHeads, numKeyValueHeads, vocabularySize } = spec;
  const size = dtypeByteSize(dtype);
  const rows = sum(sequences, ({ tokens }) => tokens);
  const longest = Math.max(0, ...sequences.map(({ tokens }) => tokens));
  const weightBytes = question.weightBytes ?? predictWeightBytes(spec, dtype);
  const tableBytes = tablePositions(longest, spec.contextLength) * rotatedDimensions(spec) * 4;
  const chunk = Math.min(rows, chunkRows);
  const perRow = hiddenSize + (numQueryHeads + 2 * numKeyValueHeads) * headDim;
  const positionBytes = rows * 8;
  const activationBytes = size * (rows * perRow + chunk * (hiddenSize + widestFeedForward(spec.layers))) + expertWorkspaceBytes(spec.layers, chunk, hiddenSize, dtype) + positionBytes + ownTableBytes(spec, sequences);
  const { keyValueBytes, mostBytes } = predictKeyValues(spec, question);
  const numLogitsRows = sum(sequences, ({ tokens }) => Math.min(logitsRows, tokens));
  const logitsBytes = numLogitsRows * (size * hiddenSize + 4 * (vocabularySize + (spec.shard === undefined ? 0 : outputRows(spec))));
  const requestBytes = activationBytes + Math.max(mostBytes, keyValueBytes + logitsBytes);
  return {
    weightBytes,
    tableBytes,
    activationBytes,
    keyValueBytes,
    fullKeyValueBytes: sum(sequences, ({ tokens, reserveTokens = 0 }) => {
      return fullKeyValueBytes({ ...spec, dtype, cacheType: question.cacheType }, Math.ceil((tokens + reserveTokens) / pageTokens) * pageTokens);
    }),
    requestBytes,
    peakBytes: weightBytes + tableBytes + requestBytes,
  };
}

/** Keys and values after the prefill, and the most during it, chosen blocks included. */
function predictKeyValues(spec: ModelSpec, { dtype, cacheType, readsRoundedCache = false, sequences, pageTokens }: MemoryQuestion) {
  const perSlot = slotBytes({ ...spec, dtype, cacheType });
  // Where kernels do not read it as it lies, attention reads one layer of a rounded cache as floats.
  const perUnpackedSlot = cacheType === undefined || readsRoundedCache ? 0 : slotBytes({ ...spec, dtype });
  const layers = sequences.map((sequence) => layerSlots(spec, sequence, pageTokens));
  const masks = sum(sequences, (sequence) => maskBytes(spec, sequence));
  let [settled, most] = [0, 0];
  for (let layer = 0; layer < spec.numLayers; layer++) {
    const slots = layers.map((sequence) => sequence[layer]!);
    // A sequence that becomes smaller is copied while both are there, one sequence after another.
    const moving = Math.max(0, ...slots.map(({ full, dropped }) => (dropped < full ? dropped : 0)));
    const full = sum(slots, (slot) => slot.full);
    most = Math.max(most, settled + perSlot * full + Math.max(masks + perUnpackedSlot * full, perSlot * moving));
    settled += perSlot * sum(slots, ({ dropped }) => dropped);
  }
  return { keyValueBytes: settled, mostBytes: most };
}

/** Slots of a sequence in each layer: with all tokens, and once it has dropped what its heads do not need. */
function layerSlots(spec: ModelSpec, sequence: SequenceQuestion, pageTokens: number | undefined) {
  const { numKeyValueHeads } = spec;
  const { tokens, reserveTokens = 0, sparseMode, sparsity = 0, decode = "routed" } = sequence;
  const all: Retention = { type: "all" };
  const retentionOf = (mode: AttentionMode) => attentionModeDefinition(mode).retention(mode);
  const sparse = decode === "full" || sparseMode === undefined ? all : retentionOf(sparseMode);
  const slots = (retention: Retention, heads: number) => {
    const retentions = Array.from({ length: numKeyValueHeads }, (_, head) => (head < heads ? retention : all));
    return predictSlots(retentions, tokens, reserveTokens, pageTokens);
  };
  const full = slots(all, 0);
  const routed = routedLayers(spec);
  const quotas = layerQuotas({ target: sparsity, numLayers: routed.length }, numKeyValueHeads);
  return slidingModes(spec).map((window, layer) => {
    const sparseHeads = sequence.sparseHeads?.[layer] ?? quotas[routed.indexOf(layer)] ?? 0;
    const dropped = window === undefined ? slots(sparse, sparseHeads) : slots(retentionOf(window), numKeyValueHeads);
    // A layer that would not become smaller stays as it is.
    return { full, dropped: Math.min(full, dropped) };
  });
}

/** Bytes of the tables that a pass has for itself: where each sequence turns by angles of its own. */
function ownTableBytes({ layers }: ModelSpec, sequences: readonly SequenceQuestion[]): number {
  const ropes = new Set(layers.flatMap(({ rope }) => (rope === undefined ? [] : [rope])));
  const lengths = sequences.map(({ tokens }) => tokens);
  return sum([...ropes], (rope) => (shareTable(rope, lengths) ? 0 : sum(lengths, (rows) => rows * (4 * rope.rotatedDim + 4))));
}

/** Dimensions that the tables of all ways of turning have together. */
function rotatedDimensions({ layers, queryScaling }: ModelSpec): number {
  const ropes = new Set(layers.flatMap(({ rope }) => (rope === undefined ? [] : [rope])));
  return sum([...ropes], ({ rotatedDim }) => rotatedDim) * (queryScaling === undefined ? 1 : 2);
}

/** The mask of a layer whose heads choose blocks; 0 where none does. */
function maskBytes({ numQueryHeads }: ModelSpec, { tokens, retrievalMode, sparseMode }: SequenceQuestion): number {
  const sides = [retrievalMode, sparseMode].flatMap((mode) => {
    const pattern = mode === undefined ? undefined : patternOf(mode);
    return pattern?.type === "selected" ? [Math.ceil(tokens / pattern.blockSize)] : [];
  });
  return Math.max(0, ...sides.map((blocks) => numQueryHeads * blocks ** 2));
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}
