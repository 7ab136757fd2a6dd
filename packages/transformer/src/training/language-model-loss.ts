import { MemoryScope } from "@elastic-attention/core";
import { crossEntropy, downloadFloats, linearInputGradient, type Tape, type Tensor } from "@elastic-attention/tensor";
import type { DecoderWeights } from "../layer/decoder-weights.js";
import { capLogits, capLogitsBackward, projectUncappedLogits } from "../layer/logits.js";
import { normalizeBackward } from "../layer/normalize.js";
import { rowChunks } from "../memory/workspace.js";
import type { ModelSpec } from "../model/model-spec.js";
import type { TrainingBatch } from "./training-batch.js";

/** Rows whose logits exist at once. */
export const lossChunkRows = 1024;

/**
 * Mean next-token cross-entropy in nats over the rows with a target, and its gradient as the seed of `hidden`. Logits
 * exist for one chunk of rows at a time, and their gradient is passed on at once: nothing of them is kept or computed
 * again.
 */
export function languageModelLoss(
  tape: Tape,
  weights: DecoderWeights,
  spec: ModelSpec,
  batch: TrainingBatch,
  hidden: Tensor,
  signal?: AbortSignal,
): number {
  const { backend } = tape;
  const { kernels } = backend;
  const { hiddenSize, vocabularySize } = spec;
  const { finalNorm, output } = weights;
  const { targets } = batch.pack;
  const count = targets.reduce((sum, target) => sum + (target >= 0 ? 1 : 0), 0);
  using scope = new MemoryScope();
  const chunk = Math.min(lossChunkRows, batch.numRows);
  const normed = scope.track(backend.allocate([chunk, hiddenSize], hidden.dtype));
  const normedGradient = scope.track(backend.allocate([chunk, hiddenSize], hidden.dtype));
  const logits = scope.track(backend.allocate([chunk, vocabularySize], "f32"));
  // The gradient of a cap reads what was capped.
  const uncapped = spec.logitsSoftCap === undefined ? logits : scope.track(backend.allocate([chunk, vocabularySize], "f32"));
  // Products take inputs of the weights' type; logits keep float32 for the softmax.
  const logitsGradient = hidden.dtype === "f32" ? logits : scope.track(backend.allocate([chunk, vocabularySize], hidden.dtype));
  const losses = scope.track(backend.allocate([batch.numRows], "f32"));
  for (const [start, end] of rowChunks(batch.numRows, lossChunkRows)) {
    if (!targets.subarray(start, end).some((target) => target >= 0)) continue;
    signal?.throwIfAborted();
    const [input, rows] = [hidden.rows(start, end), (tensor: Tensor) => tensor.rows(0, end - start)];
    projectUncappedLogits(kernels, spec, weights, { hidden: input, normed: rows(normed), logits: rows(uncapped) });
    capLogits(kernels, spec, rows(uncapped), rows(logits));
    kernels.run(crossEntropy, {
      logits: rows(logits),
      targets: batch.targets.rows(start, end),
      losses: losses.rows(start, end),
      logitsGradient: rows(logitsGradient),
      gradientScale: 1 / count,
    });
    capLogitsBackward(kernels, spec, rows(uncapped), rows(logitsGradient));
    kernels.run(linearInputGradient, { outputGradient: rows(logitsGradient), weight: output.weight, inputGradient: rows(normedGradient) });
    tape.seed(input, (inputGradient, accumulate) =>
      normalizeBackward(kernels, spec.norm, finalNorm, { input, outputGradient: rows(normedGradient), inputGradient, accumulate }),
    );
  }
  let sum = 0;
  // Rows without a target may lie in chunks that were not computed.
  for (const [row, loss] of downloadFloats(losses).entries()) if (targets[row]! >= 0) sum += loss;
  return sum / count;
}
