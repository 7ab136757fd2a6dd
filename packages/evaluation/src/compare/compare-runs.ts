import { basename, resolve } from "node:path";
import { EvaluationError } from "@elastic-attention/core";
import { type EvaluationRecord, recordKey } from "../records/record.js";
import { differingSettings } from "../records/differing-settings.js";
import { RunFolder } from "../records/run-folder.js";
import type { ReportDocument } from "../report/report-document.js";
import type { RunSummary, SuiteReport } from "../report/run-summary.js";
import { summarizeRun } from "../report/summarize-run.js";

/** One run of a comparison. */
export interface ComparedRun {
  /** Unique among the runs: the name of its folder, or enough of its path. */
  readonly name: string;
  readonly summary: RunSummary;
  readonly records: readonly EvaluationRecord[];
}

/** Reads the runs in these folders. @throws EvaluationError for a folder without a run, or the same one twice */
export function readRuns(folders: readonly string[]): ComparedRun[] {
  const paths = folders.map((folder) => resolve(folder));
  const twice = paths.find((path, index) => paths.indexOf(path) !== index);
  if (twice !== undefined) throw new EvaluationError(`${twice} is named twice.`, "Name each run once.");
  const names = paths.map((path) => basename(path));
  return folders.map((folder, index) => {
    const run = new RunFolder(folder);
    const description = run.description();
    const records = run.records();
    if (records.length === 0) throw new EvaluationError(`The run in ${folder} has no records yet.`, "Run it first, or leave it out.");
    const unique = names.filter((name) => name === names[index]).length === 1;
    return { name: unique ? names[index]! : paths[index]!, summary: summarizeRun(description, records), records };
  });
}

/**
 * Runs side by side: every suite that any of them ran, with the modes of all of them as rows, each named after its run.
 *
 * @throws EvaluationError for fewer than two runs
 */
export function compareRuns(runs: readonly ComparedRun[]): ReportDocument {
  if (runs.length < 2) throw new EvaluationError("A comparison takes two runs or more.", "elastic-attention eval compare A B");
  const names = Array.from(new Set(runs.flatMap(({ summary }) => summary.suites.map(({ name }) => name))));
  return {
    title: runs.map(({ name }) => name).join(" · "),
    suites: names.map((name) => mergedSuite(name, runs)),
    runs: runs.map(({ name, summary: { settings, environment } }) => ({ name, settings, environment })),
    notes: [...promptNotes(runs), ...settingNotes(runs)],
  };
}

function mergedSuite(name: string, runs: readonly ComparedRun[]): SuiteReport {
  const parts = runs.flatMap((run) => run.summary.suites.filter((suite) => suite.name === name).map((suite) => ({ suite, run: run.name })));
  const all = <Part extends object>(rows: (suite: SuiteReport) => readonly Part[], rename: (row: Part, run: string) => Part) =>
    parts.flatMap(({ suite, run }) => rows(suite).map((row) => rename(row, run)));
  const byVariant = <Part extends { readonly variant: string }>(row: Part, run: string): Part => ({ ...row, variant: `${run} ${row.variant}` });
  const { description, scoreUnit } = parts[0]!.suite;
  return {
    name,
    description,
    scoreUnit,
    samples: Math.max(...parts.map(({ suite }) => suite.samples)),
    truncated: Math.max(...parts.map(({ suite }) => suite.truncated)),
    results: all(({ results }) => results, byVariant),
    retained: all(({ retained }) => retained, (row, run) => ({ ...row, mode: `${run} ${row.mode}` })),
    speed: all(({ speed }) => speed, byVariant),
    // Points of several runs share no prompts that anybody has compared.
    frontier: [],
    headMaps: all(({ headMaps }) => headMaps, byVariant),
    depths: all(({ depths }) => depths, byVariant),
    positions: all(({ positions }) => positions, byVariant),
    misses: [],
  };
}

/** Whether the runs answered the same prompts: scores of different ones do not compare. */
function promptNotes([first, ...others]: readonly ComparedRun[]): string[] {
  const prompts = ({ records }: ComparedRun) => new Map(records.map((record) => [recordKey({ ...record, variant: "" }), record.promptHash]));
  const own = prompts(first!);
  return others.flatMap((run) => {
    const other = prompts(run);
    const common = Array.from(own).filter(([id]) => other.has(id));
    const same = common.filter(([id, hash]) => other.get(id) === hash).length;
    const missing = Math.max(own.size, other.size) - same;
    if (missing === 0) return [];
    return [`${first!.name} and ${run.name} have ${same} prompts in common; ${missing} of the larger run's are not the other's, so their scores compare with care.`];
  });
}

function settingNotes([first, ...others]: readonly ComparedRun[]): string[] {
  return others.flatMap((run) => {
    const differences = differingSettings(first!.summary.settings, run.summary.settings, ["variants", "headListHashes", "sweepSamples"]);
    return differences.length === 0 ? [] : [`${run.name} against ${first!.name}: ${differences.join("; ")}.`];
  });
}
