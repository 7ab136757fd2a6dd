import { EvaluationError } from "@elastic-attention/core";
import { RunFolder, summarizeRun } from "@elastic-attention/evaluation";
import type { CommandFunction } from "../../program/command-definition.js";
import { openInBrowser } from "../../terminal/open-in-browser.js";
import type { ReportOptions } from "./evaluate-commands.js";
import { summaryText } from "./evaluation-text.js";
import { writeReport } from "./write-report.js";

/** `eval report`: summary and report of a run's records again, also of a run that was stopped. */
export const report: CommandFunction<ReportOptions> = async ({ positional, options }) => {
  const folder = new RunFolder(positional[0]!);
  const description = folder.description();
  const records = folder.records();
  if (records.length === 0) throw new EvaluationError(`The run in ${folder.path} has no records yet.`, "Run it first: elastic-attention eval … --resume.");
  const summary = summarizeRun(description, records);
  const path = writeReport(folder, summary);
  if (options.json) console.log(JSON.stringify(summary));
  else console.log(`${summaryText(summary)}\nReport: ${path}`);
  if (options.open) openInBrowser(path);
  return 0;
};
