import { signedRandom } from "@elastic-attention/fixtures";
import type { MemoryScope } from "@elastic-attention/core";
import { type AttentionScores, type AttentionSequence, blockMaskFromHost, headStores, knownPatterns, numSlots } from "@elastic-attention/attention";
import { type Backend, cast, fillNormal, type FloatDType, type Tensor } from "@elastic-attention/tensor";
import { type GridCase, keyValueHeads } from "./grid-case.js";

/** Slots of a head behind its last token. */
const spareSlots = 77;
/** Columns of another tensor beside the heads, as in a fused projection. */
const otherColumns = 64;
const blockSize = 128;

/** The inputs of a case on a backend; freed with the scope. What belongs to no token is NaN. */
export interface GridOperands {
  /** [tokens, numQueryHeads, headDim], with a gap behind each row. */
  readonly query: Tensor;
  readonly sequences: readonly AttentionSequence[];
  /** Bytes of each sequence's mask, [numQueryHeads, query blocks, key blocks]. */
  readonly masks: readonly Uint8Array[];
  readonly scores: AttentionScores;
}

/** A tensor full of NaN in 16 bits or 32: without a conversion of every element. */
export function poison(backend: Backend, scope: MemoryScope, shape: readonly number[], dtype: FloatDType): Tensor {
  const length = shape.reduce((product, size) => product * size, 1);
  const values = dtype === "f32" ? new Float32Array(length).fill(NaN) : new Uint16Array(length).fill(0x7fff);
  return scope.track(backend.upload(values, shape, dtype));
}

/** Normal values in heads side by side, [tokens, heads, headDim], with other columns behind each row. */
export function normalRows(backend: Backend, scope: MemoryScope, shape: GridCase, seed: number, deviation: number): Tensor {
  const width = keyValueHeads(shape) * shape.group * shape.headDim;
  const tokens = shape.lengths.reduce((sum, [queries]) => sum + queries, 0);
  const rows = poison(backend, scope, [tokens, width + otherColumns], shape.dtype).columns(0, width);
  const dense = scope.track(backend.allocate([tokens, width], shape.dtype));
  backend.kernels.run(fillNormal, { output: dense, seed, deviation });
  backend.kernels.run(cast, { input: dense, output: rows });
  return rows.reshape([tokens, keyValueHeads(shape) * shape.group, shape.headDim]);
}

export function gridOperands(backend: Backend, scope: MemoryScope, shape: GridCase): GridOperands {
  const { headDim, group, lengths, patterns, dtype, magnitude } = shape;
  const heads = keyValueHeads(shape);
  const random = signedRandom(11);
  const masks: Uint8Array[] = [];
  let start = 0;
  const sequences = lengths.map(([length, keys], index): AttentionSequence => {
    const stores = headStores(Array.from({ length: heads }, () => ({ type: "all" }) as const), keys + spareSlots, 0);
    const [cacheKeys, cacheValues] = [magnitude, 1].map((deviation, side) => {
      const rows = poison(backend, scope, [numSlots(stores), headDim], dtype);
      for (const [head, { firstSlot }] of stores.entries()) {
        const seed = 1000 * (index + 1) + 10 * head + side;
        backend.kernels.run(fillNormal, { output: rows.rows(firstSlot, firstSlot + keys), seed, deviation });
      }
      return rows;
    });
    const cache = { numKeyValueHeads: heads, headDim, length: keys, keys: cacheKeys!, values: cacheValues!, heads: stores };
    const keyBlocks = Math.ceil(keys / blockSize);
    const queryBlocks = keyBlocks - Math.floor((keys - length) / blockSize);
    // Two of five blocks; rows that choose nothing at all stay in.
    const bytes = Uint8Array.from({ length: heads * group * queryBlocks * keyBlocks }, () => (random() < -0.2 ? 1 : 0));
    masks.push(bytes);
    const mask = scope.track(blockMaskFromHost(backend, bytes, { blockSize, numQueryHeads: heads * group, keyBlocks }));
    start += length;
    return { start: start - length, length, cache, routing: knownPatterns(patterns[index]!, mask) };
  });
  const { softCap, sinkLogits } = shape;
  const sinks = sinkLogits === undefined ? undefined : Float32Array.from({ length: heads * group }, (_, head) => sinkLogits[head % sinkLogits.length]!);
  const scores: AttentionScores = {
    scale: headDim ** -0.5,
    softCap,
    sinkLogits: sinks === undefined ? undefined : scope.track(backend.upload(sinks, [heads * group], "f32")),
  };
  return { query: normalRows(backend, scope, shape, 1, magnitude), sequences, masks, scores };
}

/** The same inputs in float32, for the kernels that serve as the oracle of long sequences. */
export function float32Operands(backend: Backend, scope: MemoryScope, { query, sequences, masks, scores }: GridOperands): GridOperands {
  const widened = (tensor: Tensor): Tensor => widen(backend, scope, tensor);
  return {
    query: widened(query),
    sequences: sequences.map((sequence) => {
      return { ...sequence, cache: { ...sequence.cache, keys: widened(sequence.cache.keys), values: widened(sequence.cache.values) } };
    }),
    masks,
    scores,
  };
}

/** A dense copy in float32. */
export function widen(backend: Backend, scope: MemoryScope, tensor: Tensor): Tensor {
  const output = scope.track(backend.allocate(tensor.shape, "f32"));
  backend.kernels.run(cast, { input: tensor, output });
  return output;
}
