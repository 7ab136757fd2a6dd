import type { SequenceCache } from "@elastic-attention/attention";
import type { DecoderModel } from "@elastic-attention/transformer";
import type { ActiveRequest } from "../request/active-request.js";
import { drawTokens, type DrawnTokens } from "./drawn-tokens.js";

/** One token for each request, all in one batch. @throws OutOfMemoryError, DeviceError */
export function decodeBatch(decoder: DecoderModel, requests: readonly ActiveRequest[]): DrawnTokens {
  const tokens = requests.map(({ lastToken }) => lastToken);
  const caches = requests.map(({ cache }) => cache);
  const samplers = requests.map(({ sampler }) => sampler);
  return drawTokens(() => decoder.decodeTokens(tokens, caches, samplers));
}

/** Whether a step that failed has written to a cache of so many tokens: then it cannot be taken again. */
export function isWritten(cache: SequenceCache, length: number): boolean {
  const layers = Array.from({ length: cache.numLayers }, (_, layer) => cache.layer(layer).length);
  return [cache.length, ...layers].some((found) => found !== length);
}
