import {
  defineOperation,
  expectShape,
  type FloatArray,
  newFloats,
  readFloats,
  type Tensor,
  writeFloats,
} from "@elastic-attention/tensor";
import { routerLinears, type RouterMlps, type RouterWeights } from "../learned/router-weights.js";
import { applyLinear, hasActivation, type HostLinear, hostLinear } from "./reference-router-mlp.js";
import { countRows, pooledRanges, poolKeys, type RouterPooling } from "./router-pooling.js";

export interface RouterLogitsBackwardCall {
  /** [tokens, numKeyValueHeads, headDim], before RoPE: the keys that `routerLogits` was given. */
  readonly keys: Tensor;
  /** Sequence i is rows offsets[i] to offsets[i + 1]; none is empty. */
  readonly offsets: readonly number[];
  readonly weights: RouterWeights;
  readonly pooling: RouterPooling;
  /** f32 [sequences, numKeyValueHeads, classes]. */
  readonly logitsGradient: Tensor;
  /** f32 tensors of the shapes of the weights; added to. */
  readonly weightGradients: RouterMlps;
  /** [tokens, numKeyValueHeads, headDim], added to in the pooled rows, once for each time a row is counted. */
  readonly keysGradient?: Tensor;
}

/**
 * Gradients of `routerLogits` (its "float32" rounding) with respect to the router's parameters and the keys. The
 * activations are computed again: a router is small.
 */
export const routerLogitsBackward = defineOperation<RouterLogitsBackwardCall>("routerLogitsBackward", (call) => {
  const { keys, offsets, weights, logitsGradient, keysGradient } = call;
  const [tokens, heads, headDim] = [keys.shape[0]!, keys.shape[1] ?? -1, weights.headDim];
  expectShape("routerLogitsBackward", "keys", keys, [tokens, heads, headDim]);
  expectShape("routerLogitsBackward", "logitsGradient", logitsGradient, [offsets.length - 1, heads, weights.classes]);
  if (keysGradient !== undefined) expectShape("routerLogitsBackward", "keysGradient", keysGradient, keys.shape);
  const targets = routerLinears(call.weightGradients);
  for (const [index, { weight, bias }] of routerLinears(weights).entries()) {
    expectShape("routerLogitsBackward", `weight gradient ${index}`, targets[index]!.weight, weight.shape);
    expectShape("routerLogitsBackward", `bias gradient ${index}`, targets[index]!.bias, bias.shape);
  }
  const layers = routerLinears(weights).map(hostLinear);
  const sums = layers.map(({ weight, bias }) => ({ weight: new Float64Array(weight.length), bias: new Float64Array(bias.length) }));
  const gradient = readFloats(logitsGradient);
  for (let sequence = 0; sequence + 1 < offsets.length; sequence++) {
    const ranges = pooledRanges(call.pooling, offsets[sequence]!, offsets[sequence + 1]!, sequence);
    const pooled = poolKeys(keys, ranges);
    const pooledGradient = newFloats(keys, heads * headDim);
    for (let head = 0; head < heads; head++) {
      const at = (sequence * heads + head) * weights.classes;
      const output = Float64Array.from(gradient.subarray(at, at + weights.classes));
      const input = pooled.slice(head * headDim, (head + 1) * headDim);
      pooledGradient.set(headBackward(layers, sums, input, output), head * headDim);
    }
    if (keysGradient !== undefined) spread(keysGradient, ranges, pooledGradient);
  }
  for (const [index, { weight, bias }] of targets.entries()) {
    addTo(weight, sums[index]!.weight);
    addTo(bias, sums[index]!.bias);
  }
});

/** Runs one head forward and backward; adds to the sums and returns the gradient of its pooled key. */
function headBackward(
  layers: readonly HostLinear[],
  sums: readonly { readonly weight: Float64Array; readonly bias: Float64Array }[],
  pooled: Float64Array,
  outputGradient: Float64Array,
): Float64Array {
  const inputs = [pooled];
  const linear: Float64Array[] = [];
  for (const [index, layer] of layers.entries()) {
    linear.push(applyLinear(layer, inputs[index]!));
    inputs.push(hasActivation(index) ? linear[index]!.map((value) => value / (1 + Math.exp(-value))) : linear[index]!);
  }
  let gradient = outputGradient;
  for (let index = layers.length - 1; index >= 0; index--) {
    const before = linear[index]!;
    if (hasActivation(index)) gradient = gradient.map((value, i) => value * siluSlope(before[i]!));
    const input = inputs[index]!;
    const { weight } = layers[index]!;
    const next = new Float64Array(input.length);
    for (let row = 0; row < gradient.length; row++) {
      sums[index]!.bias[row]! += gradient[row]!;
      for (let i = 0, at = row * input.length; i < input.length; i++) {
        sums[index]!.weight[at + i]! += gradient[row]! * input[i]!;
        next[i]! += gradient[row]! * weight[at + i]!;
      }
    }
    gradient = next;
  }
  return gradient;
}

function siluSlope(x: number): number {
  const sigmoid = 1 / (1 + Math.exp(-x));
  return sigmoid * (1 + x * (1 - sigmoid));
}

/** The mean's gradient: every counted row gets its share. */
function spread(keysGradient: Tensor, ranges: readonly (readonly [number, number])[], pooledGradient: FloatArray): void {
  const count = countRows(ranges);
  for (const [start, end] of ranges) {
    const rows = readFloats(keysGradient.rows(start, end));
    for (let i = 0; i < rows.length; i++) rows[i]! += pooledGradient[i % pooledGradient.length]! / count;
    writeFloats(keysGradient.rows(start, end), rows);
  }
}

function addTo(target: Tensor, sums: Float64Array): void {
  const values = readFloats(target);
  for (let i = 0; i < values.length; i++) values[i]! += sums[i]!;
  writeFloats(target, values);
}
