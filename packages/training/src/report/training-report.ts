import type { StepReport } from "../trainer/step-report.js";
import { type ChartSeries, chartSheetSvg, escapeXml } from "./line-chart-svg.js";

/** The four curves of the paper's Figure 13, smoothed over a few steps: loss, sparsity term, MSR and multipliers by task. */
export function trainingReportSvg(reports: readonly StepReport[], title: string): string {
  const tasks = reports[0]?.tasks ?? [];
  const one = (name: string, value: (report: StepReport) => number | undefined): ChartSeries => ({ name, points: smooth(reports, value) });
  const xLabel = "optimizer step";
  return chartSheetSvg(title, [
    { title: "a  Next-token loss (nats)", xLabel, series: [one("loss", (report) => report.languageModelLoss)] },
    { title: "b  Sparsity term", xLabel, series: [one("term", (report) => report.gateLoss)] },
    { title: "c  Share of sparse heads (MSR)", xLabel, series: tasks.map(({ name }, task) => one(name, (report) => report.tasks[task]!.sparsity)) },
    { title: "d  Multipliers (linear)", xLabel, series: tasks.map(({ name }, task) => one(name, (report) => report.tasks[task]!.linear)) },
  ]);
}

/** The same as a page of its own, with the last step as a table. */
export function trainingReportHtml(reports: readonly StepReport[], title: string): string {
  const last = reports.at(-1);
  const cells = (values: readonly string[], tag: string) => `<tr>${values.map((value) => `<${tag}>${escapeXml(value)}</${tag}>`).join("")}</tr>`;
  const rows = (last?.tasks ?? []).map(({ name, sparsity, target, linear, quadratic }) =>
    cells([name, sparsity?.toFixed(3) ?? "–", target.toFixed(2), linear.toFixed(3), quadratic.toFixed(3)], "td"),
  );
  const summary =
    last === undefined
      ? "No step was made."
      : `${last.step} of ${last.steps} steps; loss ${last.languageModelLoss.toFixed(4)}, sparsity term ${last.gateLoss.toFixed(4)}, MSR ${last.modelSparsity.toFixed(3)}.`;
  return [
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escapeXml(title)}</title>`,
    "<style>body{font-family:sans-serif;margin:2em}table{border-collapse:collapse}td,th{padding:.3em .8em;border:1px solid #ccc;text-align:right}td:first-child{text-align:left}</style>",
    `<h1>${escapeXml(title)}</h1><p>${escapeXml(summary)}</p>`,
    `<table>${cells(["task", "MSR", "target", "λ₁", "λ₂"], "th")}${rows.join("")}</table>`,
    trainingReportSvg(reports, ""),
    "</html>",
    "",
  ].join("\n");
}

/** Mean over a window of one fortieth of the run, over the steps that have a value. */
function smooth(reports: readonly StepReport[], value: (report: StepReport) => number | undefined): ChartSeries["points"] {
  const half = Math.floor(reports.length / 80);
  return reports.map((report, index) => {
    const near = reports.slice(Math.max(0, index - half), index + half + 1).flatMap((each) => value(each) ?? []);
    return { x: report.step, y: near.length === 0 ? undefined : near.reduce((sum, each) => sum + each, 0) / near.length };
  });
}
