import { effectiveSparsity, modelSparsity, type SequenceCache } from "@elastic-attention/attention";
import type { SequenceRouting } from "@elastic-attention/transformer";
import type { RoutingReport } from "./generation-request.js";

/** What was measured while a request ran. */
export interface RunMeasurements {
  readonly promptTokens: number;
  newTokens: number;
  /** From the beginning of the prefill until its logits were there. */
  prefillSeconds: number;
  /** Decode steps and the seconds they took, sampling included, the caller's own time not. */
  decodeSteps: number;
  decodeSeconds: number;
}

/** Report of a run that got as far as `routing` (undefined: the prefill did not end). */
export function routingReport(
  measured: RunMeasurements,
  modeLabels: readonly string[],
  routing: SequenceRouting | undefined,
  cache: SequenceCache,
): RoutingReport {
  const { promptTokens, newTokens, prefillSeconds, decodeSteps, decodeSeconds } = measured;
  const assignment = routing?.assignment ?? [];
  return {
    promptTokens,
    newTokens,
    modelSparsity: modelSparsity({ modes: [], assignment }),
    effectiveSparsity: effectiveSparsity(routing?.blocks ?? []),
    modes: modeLabels,
    headMap: assignment.map((layer) => Array.from(layer)),
    prefillSeconds,
    prefillTokensPerSecond: routing === undefined ? 0 : rate(promptTokens, prefillSeconds),
    decodeTokensPerSecond: rate(decodeSteps, decodeSeconds),
    keyValueBytes: routing === undefined ? 0 : cache.byteLength,
    fullKeyValueBytes: routing === undefined ? 0 : fullKeyValueBytes(cache),
  };
}

/** Bytes of this cache if every head had the slots of one that keeps everything, room for tokens to come included. */
function fullKeyValueBytes(cache: SequenceCache): number {
  const layers = Array.from({ length: cache.numLayers }, (_, layer) => cache.layer(layer));
  const slots = layers.map(({ heads }) => Math.max(0, ...heads.map((store) => (store.type === "all" ? store.numSlots : 0))));
  const longest = Math.max(cache.length, ...slots);
  return layers.reduce((sum, { keys, values, numKeyValueHeads }, layer) => {
    const bytesPerSlot = (keys.storage.byteLength + values.storage.byteLength) / keys.numRows;
    return sum + (slots[layer] || longest) * numKeyValueHeads * bytesPerSlot;
  }, 0);
}

function rate(count: number, seconds: number): number {
  return seconds > 0 ? count / seconds : 0;
}
