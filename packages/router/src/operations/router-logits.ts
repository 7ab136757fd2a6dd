import {
  defineOperation,
  expectShape,
  fromBFloat16,
  readFloats,
  ShapeError,
  type Tensor,
  toBFloat16,
  writeFloats,
} from "@elastic-attention/tensor";
import type { RouterLinear, RouterWeights } from "../router-weights.js";

/** Which key states a router averages: the first and last `tokens` of a sequence, or all of it. */
export type RouterPooling = { readonly kind: "boundary"; readonly tokens: number } | { readonly kind: "mean" };

export interface RouterLogitsCall {
  /** [tokens, numKeyValueHeads, headDim], before RoPE; a column range of the fused projection is fine. */
  readonly keys: Tensor;
  /** Sequence i is rows offsets[i] to offsets[i + 1]; none is empty. */
  readonly offsets: readonly number[];
  readonly weights: RouterWeights;
  readonly pooling: RouterPooling;
  /** "bfloat16" rounds where the published bf16 model rounds (reference semantics 1.4), for exact parity with it. */
  readonly rounding: "float32" | "bfloat16";
  /** f32 [sequences, numKeyValueHeads, classes]. */
  readonly output: Tensor;
}

/**
 * Row ranges that are averaged, each row counted as often as it appears: below 200 tokens the first and last 100
 * overlap and count twice, as in the published code.
 */
export function pooledRanges(pooling: RouterPooling, start: number, end: number): readonly (readonly [number, number])[] {
  if (pooling.kind === "mean") return [[start, end]];
  return [
    [start, Math.min(end, start + pooling.tokens)],
    [Math.max(start, end - pooling.tokens), end],
  ];
}

/** Logits of the Attention Router: pooled keys through the task MLP and the router MLP, each head on its own. */
export const routerLogits = defineOperation<RouterLogitsCall>("routerLogits", (call) => {
  const { keys, offsets, weights, output } = call;
  const [tokens, heads, headDim] = [keys.shape[0]!, keys.shape[1] ?? -1, weights.headDim];
  expectShape("routerLogits", "keys", keys, [tokens, heads, headDim]);
  expectShape("routerLogits", "output", output, [offsets.length - 1, heads, weights.classes]);
  const round = call.rounding === "bfloat16" ? (value: number) => fromBFloat16(toBFloat16(value)) : (value: number) => value;
  const layers = [...weights.taskMlp, ...weights.routerMlp].map(hostLinear);
  const logits: number[] = [];
  for (let sequence = 0; sequence + 1 < offsets.length; sequence++) {
    const [start, end] = [offsets[sequence]!, offsets[sequence + 1]!];
    if (end <= start) throw new ShapeError("routerLogits: a sequence is empty.");
    const pooled = poolKeys(keys, pooledRanges(call.pooling, start, end), heads * headDim).map(round);
    for (let head = 0; head < heads; head++) {
      let x = pooled.slice(head * headDim, (head + 1) * headDim);
      for (const [index, layer] of layers.entries()) {
        x = apply(layer, x).map(round);
        // No activation after the task MLP (index 1) and after the last layer.
        if (index !== 1 && index !== 4) x = x.map((value) => round(value / (1 + Math.exp(-value))));
      }
      logits.push(...x);
    }
  }
  writeFloats(output, logits);
});

function poolKeys(keys: Tensor, ranges: readonly (readonly [number, number])[], width: number): Float64Array {
  const sum = new Float64Array(width);
  let count = 0;
  for (const [start, end] of ranges) {
    const rows = readFloats(keys.rows(start, end));
    for (let i = 0; i < rows.length; i++) sum[i % width]! += rows[i]!;
    count += end - start;
  }
  return sum.map((value) => value / count);
}

function hostLinear({ weight, bias }: RouterLinear) {
  return { weight: readFloats(weight), bias: readFloats(bias) };
}

function apply({ weight, bias }: ReturnType<typeof hostLinear>, x: Float64Array): Float64Array {
  return Float64Array.from(bias, (b, row) => {
    let sum = b;
    for (let i = 0; i < x.length; i++) sum += weight[row * x.length + i]! * x[i]!;
    return sum;
  });
}
