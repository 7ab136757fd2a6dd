import { PromptError, ShapeError } from "@elastic-attention/core";
import type { ModelSpec } from "../model/model-spec.js";
import type { SequenceTokens } from "./sequence-batch.js";

/**
 * What can be known to be wrong before any work.
 * @throws PromptError: no, empty or overlong prompts, foreign token ids; ShapeError: a cache for two sequences
 */
export function checkTokens({ contextLength, vocabularySize }: ModelSpec, sequences: readonly SequenceTokens[]): void {
  if (sequences.length === 0) throw new PromptError("There is no prompt.", "Give at least one sequence.");
  if (new Set(sequences.map(({ cache }) => cache)).size < sequences.length) {
    throw new ShapeError("Two sequences of a batch have one cache.", "Give each sequence a cache of its own.");
  }
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
