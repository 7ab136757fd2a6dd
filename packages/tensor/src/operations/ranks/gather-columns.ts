import { ShapeError } from "@elastic-attention/core";
import { defineOperation, type Kernel } from "../../operation.js";
import type { Tensor } from "../../tensor.js";
import type { RankGroup } from "./rank-group.js";

export interface GatherColumnsCall {
  /** f32 [rows, columns of this rank]. */
  readonly input: Tensor;
  /** f32 [rows, columns of all ranks, in their order]. */
  readonly output: Tensor;
  readonly ranks: RankGroup;
  /** Columns of each rank, where they are known without asking. */
  readonly columns?: readonly number[];
}

/** Lays the columns of all ranks side by side, on each of them. */
export const gatherColumns = defineOperation<GatherColumnsCall>("gatherColumns", runGatherColumns);

/** Over the host's memory: for backends whose devices do not reach each other. */
export const hostGatherColumns: Kernel<GatherColumnsCall, void> = { name: "host", supports: () => [], run: runGatherColumns };

function runGatherColumns({ input, output, ranks }: GatherColumnsCall): void {
  if (input.dtype !== "f32" || output.dtype !== "f32") throw new ShapeError("gatherColumns: columns are f32.");
  const [rows, columns] = [input.numRows, output.rowLength];
  const parts = ranks.allGather(input.download()).map((bytes) => new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4));
  const width = parts.reduce((sum, part) => sum + part.length / Math.max(1, rows), 0);
  if (width !== columns) throw new ShapeError(`gatherColumns: the ranks have ${width} columns, the output ${columns}.`);
  const all = new Float32Array(rows * columns);
  let start = 0;
  for (const part of parts) {
    const own = part.length / Math.max(1, rows);
    for (let row = 0; row < rows; row++) all.set(part.subarray(row * own, (row + 1) * own), row * columns + start);
    start += own;
  }
  output.backend.write(output, all);
}
