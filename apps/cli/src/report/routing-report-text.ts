import type { ModelDescription, RoutingReport } from "@elastic-attention/generation";

/** Bytes as people read them. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

const marks = ["█", "·", "▒", "░"];

/** One line for each layer, one mark for each key-value head. */
export function headMapText({ headMap, modes }: Pick<RoutingReport, "headMap" | "modes">): string {
  const legend = modes.map((label, index) => `${marks[index] ?? "?"} ${label}`).join("   ");
  const lines = headMap.map((heads, layer) => {
    const row = heads.map((mode) => marks[mode] ?? "?").join(" ");
    const retrieval = heads.filter((mode) => mode === 0).length;
    return `  layer ${String(layer).padStart(2)}  ${row}   ${retrieval} of ${heads.length} ${modes[0]}`;
  });
  return [`Head map (${legend}):`, ...lines].join("\n");
}

/** What a request did, for people. */
export function routingReportText(report: RoutingReport, { routerDescription }: Pick<ModelDescription, "routerDescription">): string {
  const { modelSparsity, effectiveSparsity, promptTokens, newTokens, keyValueBytes, fullKeyValueBytes } = report;
  const share = fullKeyValueBytes > 0 ? ` (${((100 * keyValueBytes) / fullKeyValueBytes).toFixed(0)}% of full)` : "";
  return [
    headMapText(report),
    `Router:    ${report.router === "none" ? "none, every head full" : routerDescription}`,
    `Sparsity:  MSR ${modelSparsity.toFixed(3)} of the heads are sparse, ESR ${effectiveSparsity.toFixed(3)} of the blocks were skipped`,
    `Prefill:   ${promptTokens} tokens in ${report.prefillSeconds.toFixed(2)} s, ${report.prefillTokensPerSecond.toFixed(0)} tokens/s`,
    `Decode:    ${newTokens} tokens, ${report.decodeTokensPerSecond.toFixed(1)} tokens/s`,
    `KV memory: ${formatBytes(keyValueBytes)} instead of ${formatBytes(fullKeyValueBytes)}${share}`,
  ].join("\n");
}
