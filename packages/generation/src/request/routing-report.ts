import { type AttentionMode, effectiveSparsity, modelSparsity, type SlidingMode } from "@elastic-attention/attention";
import type { SequenceRouting } from "@elastic-attention/transformer";
import type { GenerationEvent, GenerationRequest, RoutingReport } from "./generation-request.js";
import type { GenerationSettings } from "./generation-settings.js";
import { Measurements } from "./measurements.js";
import type { RequestRouting } from "./request-routing.js";

/** What a report takes from a prefill. */
export type ReportedRouting = Pick<SequenceRouting, "modes" | "assignment" | "blocks">;

/** Of a request that was aborted before anything was done for it, its prompt not even looked at: an end for each answer. */
export function abortedEvents({ count = 1 }: Pick<GenerationRequest, "count">): GenerationEvent[] {
  const report = routingReport(new Measurements(0), 0, undefined, { modeLabels: [], retentions: [], kind: "none" }, undefined);
  return Array.from({ length: count }, (_, answer) => ({ type: "finish", answer, reason: "aborted", text: "", report }));
}

/** Report of a run that got as far as `routing` (undefined: the prefill did not end). */
export function routingReport(
  measured: Measurements,
  newTokens: number,
  settings: GenerationSettings | undefined,
  { modeLabels, retentions, kind }: Pick<RequestRouting, "modeLabels" | "retentions" | "kind">,
  routing: ReportedRouting | undefined,
  memory: Pick<RoutingReport, "keyValueBytes" | "fullKeyValueBytes"> = { keyValueBytes: 0, fullKeyValueBytes: 0 },
  drafts?: RoutingReport["drafts"],
): RoutingReport {
  const { promptTokens, reusedTokens, prefillSeconds, decodedTokens, decodeSeconds, decodeShareSeconds } = measured;
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
    retentions,
    headMap: assignment.map((layer) => Array.from(layer)),
    windows: (routing?.modes ?? []).map(windowOf),
    prefillSeconds,
    prefillTokensPerSecond: routing === undefined ? 0 : rate(promptTokens - reusedTokens, prefillSeconds),
    decodeTokensPerSecond: rate(decodedTokens, decodeSeconds),
    decodeShareSeconds,
    ...memory,
    ...(drafts === undefined ? {} : { drafts: { tokens: drafts.tokens, accepted: drafts.accepted } }),
  };
}

/** The window that a model fixes for the heads of a layer. */
function windowOf([mode]: readonly AttentionMode[]): number | null {
  return mode?.kind === "sliding" ? (mode as SlidingMode).windowTokens : null;
}

function rate(count: number, seconds: number): number {
  return seconds > 0 ? count / seconds : 0;
}
