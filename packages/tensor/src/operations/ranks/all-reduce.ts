import { ShapeError } from "@elastic-attention/core";
import { toBFloat16, toFloat16 } from "../../dtype.js";
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
  const sum = values.toFloat32();
  ranks.allReduceSum(sum);
  values.backend.write(values, denseFloats(sum, values));
}

/** Numbers in a float tensor's type. */
function denseFloats(values: Float32Array, { dtype }: Tensor): Float32Array | Uint16Array {
  switch (dtype) {
    case "f32":
      return values;
    case "bf16":
      return Uint16Array.from(values, toBFloat16);
    case "f16":
      return Uint16Array.from(values, toFloat16);
    default:
      throw new ShapeError(`Sums over ranks are of floats, not of ${dtype}.`);
  }
}
