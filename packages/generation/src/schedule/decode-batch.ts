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

/** Whether a step that failed has written to a cache, which cannot be decoded from then. */
export function isUnfinished(cache: SequenceCache): boolean {
  return Array.from({ length: cache.numLayers }, (_, layer) => cache.layer(layer).length).some((length) => length !== cache.length);
}
