import { firstError, OutOfMemoryError } from "@elastic-attention/core";
import { type DecoderModel, type Draw, drawTokens } from "@elastic-attention/transformer";
import type { ActiveRequest } from "../request/active-request.js";
import type { DecodeStep } from "../request/measurements.js";

/** What a decode step has given, or why it has failed. */
export type DecodeOutcome =
  /** The tokens of each request: one, and those that its draft foresaw before it. */
  | { readonly draws: readonly (readonly Draw[])[]; readonly step: DecodeStep }
  /**
   * The requests are as before the step, but those in `restart` have to begin again. Without an error memory was lacking for
   * drafts, of which there are no more: nobody has failed.
   */
  | { readonly error: unknown; readonly restart: readonly ActiveRequest[] };

/** One step for each request, all in one batch; where memory is lacking for drafts, without them. */
export function decodeBatch(decoder: DecoderModel, requests: readonly ActiveRequest[]): DecodeOutcome {
  const outcome = takeStep(decoder, requests);
  const drafting = requests.filter(({ draft }) => draft.tokens.length > 0);
  if (!("error" in outcome) || drafting.length === 0 || !OutOfMemoryError.isInstance(outcome.error)) return outcome;
  for (const request of drafting) request.draft.stop();
  return outcome.restart.length > 0 ? { ...outcome, error: undefined } : takeStep(decoder, requests);
}

function takeStep(decoder: DecoderModel, requests: readonly ActiveRequest[]): DecodeOutcome {
  const begun = performance.now();
  const sequences = requests.map(({ lastToken, draft: { tokens: draft }, cache, sampler }) => ({ tokens: [lastToken, ...draft], cache, sampler, draft }));
  const lengths = sequences.map(({ cache }) => cache.length);
  const drawsBefore = sequences.map(({ sampler }) => sampler.draws);
  let isDrawing = false;
  try {
    const draws = decoder.readStep(sequences, (logits) => {
      isDrawing = true;
      return drawTokens(logits, sequences);
    });
    const count = (of: (row: number) => number) => requests.reduce((sum, _, row) => sum + of(row), 0);
    const step: DecodeStep = {
      begun,
      seconds: (performance.now() - begun) / 1000,
      requests: requests.length,
      tokens: count((row) => draws[row]!.length),
      draftedTokens: count((row) => sequences[row]!.draft.length),
      acceptedTokens: count((row) => draws[row]!.length - 1),
    };
    return { draws, step };
  } catch (error) {
    for (const [row, { cache }] of sequences.entries()) cache.undoStep(lengths[row]!);
    // What the step has drawn may count as seen, or be counted already.
    const restart = requests.filter(({ sampler }, row) => isDrawing && (sampler.remembersDraws || sampler.draws !== drawsBefore[row]));
    return { error: firstError(error), restart };
  }
}
