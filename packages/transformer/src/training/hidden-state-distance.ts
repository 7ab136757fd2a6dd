import { MemoryScope } from "@elastic-attention/core";
import { cast, downloadFloats, type Tape, type Tensor, uploadFloats } from "@elastic-attention/tensor";
import type { TrainingBatch } from "./training-batch.js";

/**
 * Mean squared distance between final hidden states [rows, hidden] and a teacher's, over the rows with a target and all
 * features, and its gradient as the seed of `hidden` (DuoAttention's distillation). The rows with a target are few where
 * only an answer counts: they are brought together, so that each side comes to the host in one piece.
 */
export function hiddenStateDistance(tape: Tape, batch: TrainingBatch, hidden: Tensor, teacher: Tensor, signal?: AbortSignal): number {
  signal?.throwIfAborted();
  const { backend } = tape;
  const runs = targetRuns(batch.pack.targets);
  const count = runs.reduce((sum, { start, end }) => sum + end - start, 0);
  using scope = new MemoryScope();
  const gathered = scope.track(backend.allocate([count, hidden.rowLength], "f32"));
  const inGathered = ({ start, end, place }: TargetRun) => gathered.rows(place, place + end - start);
  const gather = (states: Tensor) => {
    for (const run of runs) backend.kernels.run(cast, { input: states.rows(run.start, run.end), output: inGathered(run) });
    return downloadFloats(gathered);
  };
  const wanted = gather(teacher);
  const values = gather(hidden);
  const scale = 1 / values.length;
  let sum = 0;
  for (const [i, value] of values.entries()) {
    const difference = value - wanted[i]!;
    sum += difference * difference;
    values[i] = 2 * scale * difference;
  }
  uploadFloats(gathered, values);
  for (const run of runs) {
    // Nothing else seeds these rows, so their gradient is overwritten.
    tape.seed(hidden.rows(run.start, run.end), (gradient) => backend.kernels.run(cast, { input: inGathered(run), output: gradient }));
  }
  return scale * sum;
}

/** Rows [start, end) that follow each other and have targets, and where they go when all such rows are brought together. */
interface TargetRun {
  readonly start: number;
  readonly end: number;
  readonly place: number;
}

function targetRuns(targets: Int32Array): TargetRun[] {
  const runs: TargetRun[] = [];
  let place = 0;
  for (let start = 0; start < targets.length; start++) {
    if (targets[start]! < 0) continue;
    let end = start;
    while (end < targets.length && targets[end]! >= 0) end++;
    runs.push({ start, end, place });
    place += end - start;
    start = end;
  }
  return runs;
}
