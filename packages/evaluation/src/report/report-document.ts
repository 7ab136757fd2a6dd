import type { RunEnvironment, RunSettings } from "../run/run-settings.js";
import type { RunSummary, SuiteReport } from "./run-summary.js";

/** What a page shows: one run, or several laid side by side under names of their own. */
export interface ReportDocument {
  readonly title: string;
  readonly suites: readonly SuiteReport[];
  readonly runs: readonly { readonly name: string; readonly settings: RunSettings; readonly environment: RunEnvironment }[];
  /** Sentences that a reader must know before the figures. */
  readonly notes: readonly string[];
}

/** The page of one run. */
export function runDocument({ settings, environment, suites }: RunSummary): ReportDocument {
  return { title: settings.model, suites, runs: [{ name: settings.model, settings, environment }], notes: [] };
}
