import {
  type AttentionBackwardCall,
  type AttentionSequence,
  cappedScore,
  maskRow,
  patternBlockSize,
  visitedRanges,
  waitForPatterns,
} from "@elastic-attention/attention";
import { fromBFloat16, fromFloat16, type FloatDType, toBFloat16, toFloat16 } from "@elastic-attention/tensor";

/** Gradients in host memory: of the queries, then of the keys and values of every cache. */
export type HostGradients = readonly Float32Array[];

/**
 * Attention's backward as someone would first write it in one dtype: every product, weight and gradient is rounded to it,
 * sums of products are float32. What a good kernel's error is measured by.
 */
export function naiveAttentionBackward(call: AttentionBackwardCall, dtype: FloatDType): HostGradients {
  const [query, output, outputGradient] = [call.query, call.output, call.outputGradient].map((tensor) => tensor.toFloat32());
  const queryGradient = new Float32Array(query!.length).fill(NaN);
  const results: Float32Array[] = [queryGradient];
  for (const sequence of call.sequences) {
    results.push(...backwardSequence(call, sequence, { query: query!, output: output!, outputGradient: outputGradient!, queryGradient }, rounding(dtype)));
  }
  return results;
}

function rounding(dtype: FloatDType): (value: number) => number {
  if (dtype === "bf16") return (value) => fromBFloat16(toBFloat16(value));
  return dtype === "f16" ? (value) => fromFloat16(toFloat16(value)) : Math.fround;
}

interface Rows {
  readonly query: Float32Array;
  readonly output: Float32Array;
  readonly outputGradient: Float32Array;
  readonly queryGradient: Float32Array;
}

function backwardSequence(
  call: AttentionBackwardCall,
  { start, length, cache, routing }: AttentionSequence,
  { query, output, outputGradient, queryGradient }: Rows,
  round: (value: number) => number,
): readonly [keys: Float32Array, values: Float32Array] {
  const [numQueryHeads, headDim] = [call.query.shape[1]!, call.query.shape[2]!];
  const [keys, values] = [cache.keys.toFloat32(), cache.values.toFloat32()];
  const { patterns, mask } = waitForPatterns(routing);
  const sinks = call.sinkLogits?.toFloat32();
  const { softCap } = call;
  const visited = mask?.visited.download();
  const [keyGradient, valueGradient] = [keys, values].map((rows) => new Float32Array(rows.length).fill(NaN));
  for (const { firstSlot } of cache.heads) {
    for (const rows of [keyGradient!, valueGradient!]) rows.fill(0, firstSlot * headDim, (firstSlot + cache.length) * headDim);
  }
  const dot = (a: Float32Array, at: number, b: Float32Array, bt: number): number => {
    let sum = 0;
    for (let i = 0; i < headDim; i++) sum = Math.fround(sum + a[at + i]! * b[bt + i]!);
    return round(sum);
  };
  for (let head = 0; head < numQueryHeads; head++) {
    const keyValueHead = Math.floor((head * patterns.length) / numQueryHeads);
    const [pattern, { firstSlot }] = [patterns[keyValueHead]!, cache.heads[keyValueHead]!];
    for (let row = 0; row < length; row++) {
      const position = cache.length - length + row;
      const block = Math.floor(position / patternBlockSize(pattern));
      const chosen = pattern.type === "selected" ? maskRow(mask!, visited!, head, block) : undefined;
      const slots = visitedRanges(pattern, position, chosen).flatMap(([first, end]) => Array.from({ length: end - first }, (_, i) => firstSlot + first + i));
      const at = ((start + row) * numQueryHeads + head) * headDim;
      queryGradient.fill(0, at, at + headDim);
      const scores = slots.map((slot) => round(cappedScore(round(dot(query, at, keys, slot * headDim) * call.scale), softCap)));
      const sink = sinks?.[head] ?? -Infinity;
      const largest = Math.max(sink, ...scores);
      const weights = scores.map((score) => round(Math.exp(score - largest)));
      const sum = round(weights.reduce((total, weight) => Math.fround(total + weight), Math.exp(sink - largest)));
      const delta = dot(outputGradient, at, output, at);
      for (const [index, slot] of slots.entries()) {
        const kt = slot * headDim;
        const weight = round(weights[index]! / sum);
        const slope = softCap === undefined ? 1 : round(1 - (scores[index]! / softCap) ** 2);
        const gradient = round(round(weight * round(dot(outputGradient, at, values, kt) - delta) * slope) * call.scale);
        for (let i = 0; i < headDim; i++) {
          valueGradient![kt + i] = Math.fround(valueGradient![kt + i]! + weight * outputGradient[at + i]!);
          keyGradient![kt + i] = Math.fround(keyGradient![kt + i]! + gradient * query[at + i]!);
          queryGradient[at + i] = Math.fround(queryGradient[at + i]! + gradient * keys[kt + i]!);
        }
      }
      for (let i = at; i < at + headDim; i++) queryGradient[i] = round(queryGradient[i]!);
    }
  }
  return [keyGradient!.map(round), valueGradient!.map(round)];
}
