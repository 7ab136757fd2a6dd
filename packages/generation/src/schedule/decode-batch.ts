import { firstError } from "@elastic-attention/core";
import type { DecoderModel } from "@elastic-attention/transformer";
import type { ActiveRequest } from "../request/active-request.js";
import type { DecodeStep } from "../request/measurements.js";
import { drawTokens, type DrawnTokens } from "./drawn-tokens.js";

/** What a decode step has given, or why it has failed. */
export type DecodeOutcome =
  | { readonly drawn: DrawnTokens; readonly step: DecodeStep }
  /** The requests are as before the step, but those in `restart` have to begin again. */
  | { readonly error: unknown; readonly restart: readonly ActiveRequest[] };

/** One token for each request, all in one batch. */
export function decodeBatch(decoder: DecoderModel, requests: readonly ActiveRequest[]): DecodeOutcome {
  const begun = performance.now();
  const tokens = requests.map(({ lastToken }) => lastToken);
  const caches = requests.map(({ cache }) => cache);
  const samplers = requests.map(({ sampler }) => sampler);
  const lengths = caches.map(({ length }) => length);
  const draws = samplers.map((sampler) => sampler.draws);
  try {
    const drawn = drawTokens(() => decoder.decodeTokens(tokens, caches, samplers));
    return { drawn, step: { begun, seconds: (performance.now() - begun) / 1000, requests: requests.length } };
  } catch (error) {
    for (const [row, cache] of caches.entries()) cache.undoStep(lengths[row]!);
    // What the step has drawn may count as seen, or be counted already.
    return { error: firstError(error), restart: requests.filter(({ sampler }, row) => sampler.remembersDraws || sampler.draws !== draws[row]) };
  }
}
