import { percentText } from "../figures.js";
import { element, escapeMarkup } from "../markup.js";
import type { HeadMapSummary, SuiteReport } from "../run-summary.js";
import { heatMap } from "../svg/heat-map.js";

/** Where heads are sparse: layers by heads, and tasks by layers. */
export function sparsityMaps({ headMaps }: SuiteReport): string {
  // One map by task where all tasks are alike: the next would only repeat it.
  return headMaps.map((map, index) => headMapSection(map) + (index === 0 || !sameForAllTasks(map) ? taskMapSection(map) : "")).join("");
}

function sameForAllTasks({ tasks }: HeadMapSummary): boolean {
  return tasks.every(({ layers }) => layers.every((value, layer) => value === tasks[0]!.layers[layer]));
}

function headMapSection({ variant, sparse, modes }: HeadMapSummary): string {
  const heads = sparse[0]?.length ?? 0;
  const wide = heads <= 8 ? 34 : 20;
  return element(
    "section",
    { class: "block" },
    element("h3", {}, `Heads of ${escapeMarkup(variant)}`),
    element("p", { class: "note" }, `Share of prompts with the head in ${escapeMarkup(modes.slice(1).join(" or ") || "a sparse mode")}; light cells retrieve with ${escapeMarkup(modes[0] ?? "full attention")}.`),
    element(
      "div",
      { class: "scroll" },
      heatMap({
        title: `Head modes of ${variant}`,
        rows: sparse.map((layer, index) => ({
          name: String(index),
          cells: layer.map((value, head) => ({ value, title: `layer ${index}, head ${head}: sparse in ${percentText(value)} of the prompts` })),
        })),
        columns: Array.from({ length: heads }, (_, head) => String(head)),
        rowLabel: "layer",
        columnLabel: "key-value head",
        cellWidth: wide,
        cellHeight: 22,
      }),
    ),
  );
}

function taskMapSection({ variant, tasks }: HeadMapSummary): string {
  const layers = tasks[0]?.layers.length ?? 0;
  if (tasks.length < 2) return "";
  const wide = layers <= 16 ? 30 : 24;
  return element(
    "section",
    { class: "block" },
    element("h3", {}, `Sparsity of ${escapeMarkup(variant)} by task`),
    element("p", { class: "note" }, "Share of a layer’s heads that are sparse, mean over the prompts of a task."),
    element(
      "div",
      { class: "scroll" },
      heatMap({
        title: `Sparsity of ${variant} by task and layer`,
        rows: tasks.map(({ task, layers }) => ({
          name: task,
          cells: layers.map((value, layer) => ({
            value,
            ...(wide >= 30 ? { text: value.toFixed(2).replace(/^0/, "") } : {}),
            title: `${task}, layer ${layer}: MSR ${value.toFixed(2)}`,
          })),
        })),
        columns: Array.from({ length: layers }, (_, layer) => String(layer)),
        rowLabel: "task",
        columnLabel: "layer",
        cellWidth: wide,
        cellHeight: 22,
      }),
    ),
  );
}
