import { signedRandom } from "@elastic-attention/fixtures";
import type { MemoryScope } from "@elastic-attention/core";
import {
  type AttentionScores,
  type AttentionSequence,
  blockMaskFromHost,
  type BlockPattern,
  cacheAppend,
  type CacheGradients,
  headStores,
  hybridAttention,
  knownPatterns,
  numSlots,
} from "@elastic-attention/attention";
import type { Backend, FloatDType, Tensor } from "@elastic-attention/tensor";
import { poisoned, randomTensor } from "../random-tensors.js";

/** One attention layer in training: sequences over caches that keep all tokens. */
export interface TrainingCase {
  /** (queries, keys) of each sequence. */
  readonly lengths: readonly (readonly [queries: number, keys: number])[];
  /** One for each key-value head; "selected" ones choose random blocks. */
  readonly patterns: readonly BlockPattern[];
  /** Query heads of a key-value head. */
  readonly group: number;
  readonly headDim: number;
  /** Magnitude of keys. */
  readonly scale?: number;
  readonly softCap?: number;
  /** Repeated over the query heads. */
  readonly sinkLogits?: readonly number[];
}

/** The tensors of a case after its forward pass, the same numbers on every backend; freed with the scope. */
export interface TrainingOperands extends AttentionScores {
  readonly query: Tensor;
  readonly output: Tensor;
  readonly logSumExp: Tensor;
  readonly outputGradient: Tensor;
  readonly sequences: readonly AttentionSequence[];
  /** Poisoned: rows behind the last sequence, and slots behind the last token, stay so. */
  readonly queryGradient: Tensor;
  readonly cacheGradients: readonly CacheGradients[];
}

/** Rows behind the last sequence, and slots behind the last token of a head. */
const spareRows = 3;

/** Makes the operands; `gradientDType` is that of the gradients, where another than that of the activations is wanted. */
export function trainingOperands(
  backend: Backend,
  scope: MemoryScope,
  { lengths, patterns, group, headDim, scale = 1, softCap, sinkLogits }: TrainingCase,
  dtype: FloatDType,
  gradientDType: FloatDType = dtype,
): TrainingOperands {
  const numQueryHeads = patterns.length * group;
  const rows = lengths.reduce((sum, [queries]) => sum + queries, spareRows);
  const shape = [rows, numQueryHeads, headDim];
  const random = signedRandom(7);
  const sequences: AttentionSequence[] = [];
  let start = 0;
  for (const [index, [length, keys]] of lengths.entries()) {
    const heads = headStores(patterns.map(() => ({ type: "all" }) as const), keys + spareRows, 0);
    const [cacheKeys, cacheValues] = [0, 1].map(() => scope.track(poisoned(backend, [numSlots(heads), headDim], dtype)));
    const cache = { numKeyValueHeads: patterns.length, headDim, length: 0, keys: cacheKeys!, values: cacheValues!, heads };
    const newKeys = scope.track(randomTensor(backend, [keys, patterns.length, headDim], dtype, 100 + index, scale));
    const newValues = scope.track(randomTensor(backend, [keys, patterns.length, headDim], dtype, 200 + index));
    backend.kernels.run(cacheAppend, { keys: newKeys, values: newValues, cache });
    cache.length = keys;
    const selected = patterns.find((pattern) => pattern.type === "selected");
    const blockSize = selected?.type === "selected" ? selected.blockSize : 1;
    const keyBlocks = Math.ceil(keys / blockSize);
    const queryBlocks = keyBlocks - Math.floor((keys - length) / blockSize);
    const bytes = Uint8Array.from({ length: numQueryHeads * queryBlocks * keyBlocks }, () => (random() > 0.3 ? 1 : 0));
    const mask = selected === undefined ? undefined : scope.track(blockMaskFromHost(backend, bytes, { blockSize, numQueryHeads, keyBlocks }));
    sequences.push({ start, length, cache, routing: knownPatterns(patterns, mask) });
    start += length;
  }
  const query = scope.track(randomTensor(backend, shape, dtype, 1));
  const output = scope.track(poisoned(backend, shape, dtype));
  const logSumExp = scope.track(poisoned(backend, [rows, numQueryHeads], "f32"));
  const sinks = sinkLogits === undefined ? undefined : Float32Array.from({ length: numQueryHeads }, (_, head) => sinkLogits[head % sinkLogits.length]!);
  const scores: AttentionScores = {
    scale: headDim ** -0.5,
    softCap,
    sinkLogits: sinks === undefined ? undefined : scope.track(backend.upload(sinks, [numQueryHeads], "f32")),
  };
  backend.kernels.run(hybridAttention, { query, output, logSumExp, sequences, ...scores });
  return {
    query,
    output,
    logSumExp,
    outputGradient: scope.track(randomTensor(backend, shape, dtype, 2)),
    sequences,
    ...scores,
    queryGradient: scope.track(poisoned(backend, shape, gradientDType)),
    cacheGradients: sequences.map(({ cache }) => ({
      keys: scope.track(poisoned(backend, cache.keys.shape, gradientDType)),
      values: scope.track(poisoned(backend, cache.values.shape, gradientDType)),
    })),
  };
}
