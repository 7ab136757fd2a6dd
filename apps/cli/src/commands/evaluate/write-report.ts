import { resolve } from "node:path";
import { renderReport, runDocument, type RunFolder, type RunSummary } from "@elastic-attention/evaluation";

/** Writes summary.json and report.html into a run's folder. @returns the report's absolute path */
export function writeReport(folder: RunFolder, summary: RunSummary): string {
  folder.write("summary.json", `${JSON.stringify(summary)}\n`);
  return resolve(folder.write("report.html", renderReport(runDocument(summary))));
}
