import { type MemoryScope, PromptError } from "@elastic-attention/core";
import type { SequenceCache } from "@elastic-attention/attention";
import { type Backend, cast, embedding, type FloatDType, linear, rmsNorm, type Tensor } from "@elastic-attention/tensor";
import type { AttentionContext } from "./attention-block.js";
import type { DecoderWeights } from "./decoder-weights.js";
import type { ModelSpec } from "./model-spec.js";
import type { RotaryTable } from "./rotary-table.js";
import { layOut, type PrefillSequence } from "./sequence-batch.js";
import { Workspace } from "./workspace.js";

/** What every forward pass of a model shares. */
export interface DecoderCore {
  readonly backend: Backend;
  readonly spec: ModelSpec;
  readonly dtype: FloatDType;
  readonly weights: DecoderWeights;
  readonly rotaryTable: RotaryTable;
}

/** Tokens that can be known to be wrong before any work. @throws PromptError: empty or overlong prompts, foreign token ids */
export function checkTokens({ contextLength, vocabularySize }: ModelSpec, sequences: readonly PrefillSequence[]): void {
  for (const { tokens, cache } of sequences) {
    if (tokens.length === 0) throw new PromptError("The prompt is empty.", "Give at least one token.");
    const total = cache.length + tokens.length;
    if (total > contextLength) {
      throw new PromptError(
        `The sequence would have ${total} tokens; the model's context is ${contextLength}.`,
        "Shorten the prompt or choose a model with a longer context.",
      );
    }
    for (let i = 0; i < tokens.length; i++) {
      const id = tokens[i]!;
      if (!(Number.isInteger(id) && id >= 0 && id < vocabularySize)) {
        throw new PromptError(`Token id ${id} at position ${i} is outside the vocabulary of ${vocabularySize}.`);
      }
    }
  }
}

/** Tokens, positions and activations of one pass, owned by `scope`; the residual stream holds the embeddings. */
export function beginForward(
  { backend, spec, dtype, weights, rotaryTable }: DecoderCore,
  sequences: readonly PrefillSequence[],
  scope: MemoryScope,
  keepQueries = false,
): AttentionContext {
  const batch = layOut(backend, sequences);
  scope.track(batch.ids);
  scope.track(batch.positions);
  const workspace = scope.track(new Workspace(backend, spec, dtype, batch.numTokens, backend.device.workSizes.chunkRows, keepQueries));
  backend.kernels.run(embedding, { ids: batch.ids, table: weights.embedding, output: workspace.hidden });
  return { backend, spec, batch, workspace, rotaryTable };
}

/** Final norm and output projection of the last rows of each sequence: f32 [rows, vocabulary]; the caller disposes it. */
export function lastLogits(core: DecoderCore, context: AttentionContext, rowsPerSequence: number): Tensor {
  const { batch } = context;
  const ranges = batch.caches.map((_: SequenceCache, index: number) => {
    const end = batch.offsets[index + 1]!;
    return [Math.max(batch.offsets[index]!, end - rowsPerSequence), end] as const;
  });
  return logitsOf(core, context, ranges);
}

/** Final norm and output projection of ranges of rows: f32 [rows, vocabulary]; the caller disposes it. */
export function logitsOf({ spec, dtype, weights }: DecoderCore, context: AttentionContext, ranges: readonly (readonly [start: number, end: number])[]): Tensor {
  const { backend, workspace } = context;
  const numRows = ranges.reduce((sum, [start, end]) => sum + end - start, 0);
  using rows = backend.allocate([numRows, spec.hiddenSize], dtype);
  let at = 0;
  for (const [start, end] of ranges) {
    backend.kernels.run(cast, { input: workspace.hidden.rows(start, end), output: rows.rows(at, at + end - start) });
    at += end - start;
  }
  backend.kernels.run(rmsNorm, { input: rows, weight: weights.finalNorm, epsilon: spec.rmsNormEpsilon, output: rows });
  const logits = backend.allocate([numRows, spec.vocabularySize], "f32");
  try {
    backend.kernels.run(linear, { input: rows, ...weights.output, output: logits });
    return logits;
  } catch (error) {
    logits.dispose();
    throw error;
  }
}
