import { countText } from "./figures.js";
import { element, escapeMarkup } from "./markup.js";
import type { ReportDocument } from "./report-document.js";
import type { SuiteReport } from "./run-summary.js";
import { depthGrids } from "./sections/depth-grids.js";
import { frontierSection } from "./sections/frontier.js";
import { headline } from "./sections/headline.js";
import { missesSection } from "./sections/misses.js";
import { positionCurves } from "./sections/position-curves.js";
import { retainedCurve } from "./sections/retained-curve.js";
import { categoryTable, groupTables, lengthTable, taskTable } from "./sections/score-tables.js";
import { settingsSection } from "./sections/settings.js";
import { sparsityMaps } from "./sections/sparsity-maps.js";
import { speedSection } from "./sections/speed.js";
import { style } from "./style.js";

/** One HTML page that needs nothing beside itself: no script, no font, no request. */
export function renderReport(document: ReportDocument): string {
  const { title, suites, notes } = document;
  const body = element(
    "main",
    {},
    element(
      "header",
      {},
      element("p", { class: "eyebrow" }, document.runs.length > 1 ? "Evaluations side by side" : "Evaluation"),
      element("h1", {}, escapeMarkup(title)),
      element("p", {}, escapeMarkup(subtitle(document))),
      ...notes.map((note) => element("p", { class: "warning" }, escapeMarkup(note))),
    ),
    ...suites.map(suiteSection),
    settingsSection(document),
    element("footer", {}, "Elastic Attention: MSR is the share of key-value heads in a sparse mode, ESR the share of causal blocks that were not visited while the prompt was read."),
  );
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeMarkup(title)}: evaluation</title><style>${style}</style></head><body>${body}</body></html>\n`;
}

function subtitle({ suites, runs }: ReportDocument): string {
  const prompts = suites.map(({ name, samples }) => `${name} (${countText(samples)} prompts)`).join(", ");
  return `${prompts} · ${runs[0]!.environment.device} · ${runs[0]!.environment.startedAt.slice(0, 10)}`;
}

function suiteSection(suite: SuiteReport): string {
  const cut = suite.truncated === 0 ? "" : ` ${countText(suite.truncated)} prompts were longer than the context and lost their middle.`;
  return element(
    "section",
    { class: "suite" },
    element("h2", {}, escapeMarkup(suite.name)),
    element("p", { class: "lead" }, escapeMarkup(`${suite.description}.${cut}`)),
    headline(suite),
    element(
      "div",
      { class: "blocks" },
      lengthTable(suite),
      categoryTable(suite),
      groupTables(suite),
      retainedCurve(suite),
      frontierSection(suite),
      positionCurves(suite),
      depthGrids(suite),
      speedSection(suite),
      taskTable(suite),
      sparsityMaps(suite),
      missesSection(suite),
    ),
  );
}
