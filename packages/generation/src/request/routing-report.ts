import { effectiveSparsity, modelSparsity, type SequenceCache } from "@elastic-attention/attention";
import { dtypeByteSize } from "@elastic-attention/tensor";
import type { SequenceRouting } from "@elastic-attention/transformer";
import type { RoutingReport } from "./generation-request.js";
import type { GenerationSettings } from "./generation-settings.js";
import { Measurements } from "./measurements.js";
import type { RequestRouting } from "./request-routing.js";

/** Of a request that was aborted before anything was done for it, its prompt not even read. */
export function emptyReport(): RoutingReport {
  return routingReport(new Measurements(0), 0, { modeLabels: [], kind: "none" }, undefined, undefined, undefined);
}

/** Report of a run that got as far as `routing` (undefined: the prefill did not end). */
export function routingReport(
  measured: Measurements,
  newTokens: number,
  { modeLabels, kind }: Pick<RequestRouting, "modeLabels" | "kind">,
  routing: Pick<SequenceRouting, "assignment" | "blocks"> | undefined,
  cache: SequenceCache | undefined,
  settings: GenerationSettings | undefined,
): RoutingReport {
  const { promptTokens, reusedTokens, prefillSeconds, decodeSteps, decodeSeconds, decodeShareSeconds } = measured;
  const assignment = routing?.assignment ?? [];
  return {
    promptTokens,
    reusedTokens,
    newTokens,
    settings,
    router: kind,
    modelSparsity: modelSparsity({ modes: [], assignment }),
    effectiveSparsity: effectiveSparsity(routing?.blocks ?? []),
    modes: modeLabels,
    headMap: assignment.map((layer) => Array.from(layer)),
    prefillSeconds,
    prefillTokensPerSecond: routing === undefined ? 0 : rate(promptTokens - reusedTokens, prefillSeconds),
    decodeTokensPerSecond: rate(decodeSteps, decodeSeconds),
    decodeShareSeconds,
    keyValueBytes: cache?.byteLength ?? 0,
    fullKeyValueBytes: cache === undefined || cache.byteLength === 0 ? 0 : fullKeyValueBytes(cache),
  };
}

/** Bytes of this cache if every head had the room of one that keeps everything, room for tokens to come included. */
function fullKeyValueBytes(cache: SequenceCache): number {
  const layers = Array.from({ length: cache.numLayers }, (_, layer) => cache.layer(layer));
  const slots = layers.map(({ heads }) => Math.max(0, ...heads.map((store) => (store.type === "all" ? store.numSlots : 0))));
  const longest = Math.max(cache.length, ...slots);
  return layers.reduce((sum, { keys, headDim, numKeyValueHeads }, layer) => {
    const bytesPerSlot = 2 * headDim * dtypeByteSize(keys.dtype);
    return sum + (slots[layer] || longest) * numKeyValueHeads * bytesPerSlot;
  }, 0);
}

function rate(count: number, seconds: number): number {
  return seconds > 0 ? count / seconds : 0;
}
