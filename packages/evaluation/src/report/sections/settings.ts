import { countText } from "../figures.js";
import { element, escapeMarkup } from "../markup.js";
import type { ReportDocument } from "../report-document.js";

/** Everything that is needed to repeat a run. */
export function settingsSection({ runs }: ReportDocument): string {
  return element(
    "section",
    { class: "suite" },
    element("h2", {}, "To repeat it"),
    ...runs.map((run) => (runs.length > 1 ? element("h3", {}, escapeMarkup(run.name)) : "") + runSettings(run)),
  );
}

function runSettings({ settings, environment }: ReportDocument["runs"][number]): string {
  const suites = settings.suites.map(({ name, tasks, lengths, samplesPerTask, data }) => {
    const parts = [
      `${tasks.length} ${tasks.length === 1 ? "task" : "tasks"}`,
      lengths === undefined ? "" : `lengths ${lengths.map(countText).join(", ")}`,
      samplesPerTask === undefined ? "" : `${samplesPerTask} samples of each`,
      data === undefined ? "" : `data ${data}`,
    ];
    return `${name} (${parts.filter((part) => part !== "").join("; ")})`;
  });
  const rows: [string, string][] = [
    ["Model", `${settings.model}, ${environment.architecture}, ${(environment.parameters / 1e6).toFixed(1)} M parameters, ${environment.numLayers} layers of ${environment.numKeyValueHeads} key-value heads`],
    ["Model hash", settings.modelHash],
    ["Router", environment.routersFile === undefined ? environment.router : `${environment.router}, ${environment.routersFile}`],
    ["Modes", settings.variants.map(({ name }) => name).join(", ")],
    ["Sparse modes", Object.entries(settings.modeSizes).map(([name, value]) => `${name} ${value}`).join(", ")],
    ["Suites", suites.join(", ")],
    ["Seed", String(settings.seed)],
    ["Prompts", `chat format ${settings.chatFormat}, ${settings.strict ? "longer than the context refused" : "longer than the context cut in the middle"}${settings.chainOfThought ? ", chain of thought" : ""}`],
    ["Decoding", `greedy, ${settings.decode === "routed" ? "sparse heads drop their keys and values" : "all heads keep their keys and values"}${(environment.batch ?? 1) > 1 ? `, up to ${environment.batch} answers at a time` : ""}`],
    ["Computed in", `${settings.dtype} on ${settings.backend} (${environment.device})`],
    ["Machine", `${environment.processor}, ${environment.cores} cores, ${environment.platform}, Node ${environment.node}${environment.ranks > 1 ? `, ${environment.ranks} ranks (${environment.communicator})` : ""}`],
    ["Versions", `@elastic-attention/evaluation ${settings.version}`],
    ["Started", environment.startedAt],
  ];
  return (
    (environment.command === undefined ? "" : element("pre", {}, element("code", {}, escapeMarkup(environment.command)))) +
    element("dl", {}, ...rows.map(([name, value]) => element("dt", {}, name) + element("dd", {}, escapeMarkup(value))))
  );
}
