import { cast, downloadFloats, type Tape, type Tensor, uploadFloats } from "@elastic-attention/tensor";
import { lossChunkRows } from "./language-model-loss.js";
import type { TrainingBatch } from "./training-batch.js";

/**
 * Mean squared distance between final hidden states [rows, hidden] and a teacher's, over the rows with a target and all
 * features, and its gradient as the seed of `hidden` (DuoAttention's distillation). Computed on the host, chunk by chunk:
 * rows with a target are few where only an answer counts.
 */
export function hiddenStateDistance(tape: Tape, batch: TrainingBatch, hidden: Tensor, teacher: Tensor, signal?: AbortSignal): number {
  const { targets } = batch.pack;
  const width = hidden.rowLength;
  const scale = 1 / (targets.reduce((sum, target) => sum + (target >= 0 ? 1 : 0), 0) * width);
  let sum = 0;
  for (const [start, end] of batch.chunks(lossChunkRows)) {
    if (!targets.subarray(start, end).some((target) => target >= 0)) continue;
    signal?.throwIfAborted();
    const input = hidden.rows(start, end);
    const values = downloadFloats(input);
    const wanted = downloadFloats(teacher.rows(start, end));
    for (let i = 0; i < values.length; i++) {
      const counts = targets[start + Math.floor(i / width)]! >= 0;
      const difference = counts ? values[i]! - wanted[i]! : 0;
      sum += difference * difference;
      values[i] = 2 * scale * difference;
    }
    using seed = tape.backend.allocate(input.shape, "f32");
    uploadFloats(seed, values);
    // Nothing else seeds these rows, so their gradient is overwritten.
    tape.seed(input, (gradient) => tape.backend.kernels.run(cast, { input: seed, output: gradient }));
  }
  return scale * sum;
}
