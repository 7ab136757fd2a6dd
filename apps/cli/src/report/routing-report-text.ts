import { samplingText } from "./sampling-text.js";
import type { ModelDescription, RoutingReport } from "@elastic-attention/generation";

/** Bytes as people read them. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`;
}

const marks = ["█", "·", "▒", "░"];

/** The paper's abbreviations; a registered mode has its label alone. */
const longLabels: Readonly<Record<string, string>> = { FA: "full attention", SSA: "sink and local blocks", XA: "XAttention" };

/** One line for each layer, one mark for each key-value head. */
export function headMapText({ headMap, modes, windows }: Pick<RoutingReport, "headMap" | "modes" | "windows">): string {
  const legend = modes.map((label, index) => `${marks[index] ?? "?"} ${[label, longLabels[label] ?? []].flat().join(": ")}`).join("   ");
  const lines = headMap.map((heads, layer) => {
    if (heads.length === 0) return `  layer ${String(layer).padStart(2)}  sliding window of ${windows[layer]} tokens, fixed by the model`;
    const row = heads.map((mode) => marks[mode] ?? "?").join(" ");
    const retrieval = heads.filter((mode) => mode === 0).length;
    return `  layer ${String(layer).padStart(2)}  ${row}   ${retrieval} of ${heads.length} ${modes[0]}`;
  });
  return [`Head map (${legend}):`, ...lines].join("\n");
}

/** A report of a request whose heads were all full because nothing decided otherwise. */
export function nothingRouted({ router, headMap }: Pick<RoutingReport, "router" | "headMap">): boolean {
  return router === "none" && headMap.every((heads) => heads.every((mode) => mode === 0));
}

/** Why nothing was routed and what changes that, in one line; for {@link nothingRouted}. */
export function unroutedText({ router }: Pick<ModelDescription, "router">): string {
  if (router !== "none") return "Routing:   none, as --mode full asks; without it the model's heads are routed.";
  return (
    "Routing:   nothing was routed: the model has no routers, and every head is full. `elastic-attention heads` makes a head list, " +
    "`elastic-attention train` trains routers, and --mode says what sparse heads do."
  );
}

/** A share as people read it: "83%". */
export function percent(share: number): string {
  return `${(100 * share).toFixed(0)}%`;
}

/** How a speed compares with another one: "1.79x faster than full", "1.20x slower", or "as fast" where the clock cannot tell. */
export function speedText(ratio: number, other?: string): string {
  if (!Number.isFinite(ratio) || ratio <= 0) return "not measured";
  const [words, link] = ratio >= 1.02 ? [`${ratio.toFixed(2)}x faster`, "than"] : ratio <= 1 / 1.02 ? [`${(1 / ratio).toFixed(2)}x slower`, "than"] : ["as fast", "as"];
  return other === undefined ? words : `${words} ${link} ${other}`;
}

/** The sparsity of a prefill in words. */
export function sparsityText({ modelSparsity, effectiveSparsity }: Pick<RoutingReport, "modelSparsity" | "effectiveSparsity">): string {
  return `${percent(modelSparsity)} of heads sparse (MSR), ${percent(effectiveSparsity)} of blocks skipped (ESR)`;
}

/** What decided: a router by its name, else what the model has. */
export function routerText({ router }: Pick<RoutingReport, "router">, { routerDescription }: Pick<ModelDescription, "routerDescription">, name?: string): string {
  if (router === "own") return name === undefined ? "a router of the request's own" : `registered router ${name}`;
  return router === "none" ? "none, every head full" : routerDescription;
}

/**
 * What a request did, for people.
 *
 * @param routerName the router that the request named
 */
export function routingReportText(report: RoutingReport, model: Pick<ModelDescription, "router" | "routerDescription">, routerName?: string): string {
  const { promptTokens, newTokens } = report;
  return [
    ...(nothingRouted(report) ? [unroutedText(model)] : [headMapText(report), `Router:    ${routerText(report, model, routerName)}`, `Sparsity:  ${sparsityText(report)}`]),
    ...(report.settings === undefined ? [] : [`Sampling:  ${samplingText(report.settings)}`]),
    `Prefill:   ${promptTokens} tokens in ${report.prefillSeconds.toFixed(2)} s, ${report.prefillTokensPerSecond.toFixed(0)} tokens/s`,
    `Decode:    ${newTokens} tokens, ${report.decodeTokensPerSecond.toFixed(1)} tokens/s`,
    ...(report.drafts === undefined ? [] : [`Drafts:    ${draftsText(report.drafts)}`]),
    `KV memory: ${keyValueText(report)}`,
  ].join("\n");
}

/** What came of guessed tokens: "96 of 120 guessed tokens were right (80%)". */
export function draftsText({ tokens, accepted }: NonNullable<RoutingReport["drafts"]>): string {
  return tokens === 0 ? "no token was guessed, as nothing was repeated" : `${accepted} of ${tokens} guessed tokens were right (${percent(accepted / tokens)})`;
}

/** Memory of keys and values; beside full attention's where sparsity saves any. */
function keyValueText({ keyValueBytes, fullKeyValueBytes }: RoutingReport): string {
  const held = formatBytes(keyValueBytes);
  if (keyValueBytes >= fullKeyValueBytes) return held;
  return `${held} instead of ${formatBytes(fullKeyValueBytes)} (${percent(keyValueBytes / fullKeyValueBytes)} of full)`;
}
