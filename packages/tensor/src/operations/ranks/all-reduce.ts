import { ShapeError } from "@elastic-attention/core";
import { hostArray, toFloat16 } from "../../dtype.js";
import { defineOperation, type Kernel } from "../../operation.js";
import type { Tensor } from "../../tensor.js";
import type { RankGroup } from "./rank-group.js";

export interface AllReduceCall {
  /** [rows, features], float: each rank's summand, and the sum afterwards, rounded once. */
  readonly values: Tensor;
  readonly ranks: RankGroup;
}

/** Sums a tensor over all ranks in place; every rank gets the same bits. */
export const allReduce = defineOperation<AllReduceCall>("allReduce", runAllReduce);

/** Over the host's memory: for backends whose devices do not reach each other. */
export const hostAllReduce: Kernel<AllReduceCall, void> = { name: "host", supports: () => [], run: runAllReduce };

function runAllReduce({ values, ranks }: AllReduceCall): void {
  const { backend, dtype } = values;
  if (dtype !== "f32" && dtype !== "bf16" && dtype !== "f16") throw new ShapeError(`Sums over ranks are of floats, not of ${dtype}.`);
  if (dtype !== "bf16") {
    const sum = values.toFloat32();
    ranks.allReduceSum(sum);
    backend.write(values, dtype === "f32" ? sum : Uint16Array.from(sum, toFloat16));
    return;
  }
  // Millions of numbers in a prompt: by their bits, in plain loops.
  const patterns = hostArray(values.download(), "bf16") as Uint16Array;
  const bits = new Uint32Array(patterns.length);
  for (let i = 0; i < bits.length; i++) bits[i] = patterns[i]! << 16;
  const sum = new Float32Array(bits.buffer);
  ranks.allReduceSum(sum);
  for (let i = 0; i < bits.length; i++) patterns[i] = roundToBFloat16(bits[i]!);
  backend.write(values, patterns);
}

/** The upper half of a float32's bits, rounded to nearest even; NaN stays NaN. */
function roundToBFloat16(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}
