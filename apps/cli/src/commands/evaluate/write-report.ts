import { resolve } from "node:path";
import { frontierFile, renderReport, runDocument, type RunFolder, type RunSummary } from "@elastic-attention/evaluation";

/** Writes summary.json, report.html and, where a run says what modes read, frontier.svg into a run's folder. @returns the report's absolute path */
export function writeReport(folder: RunFolder, summary: RunSummary): string {
  folder.write("summary.json", `${JSON.stringify(summary)}\n`);
  const pictured = summary.suites.find(({ frontier }) => frontier.length > 0);
  if (pictured !== undefined) folder.write("frontier.svg", `${frontierFile(pictured)}\n`);
  return resolve(folder.write("report.html", renderReport(runDocument(summary))));
}
