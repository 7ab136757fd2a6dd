import { DatasetError, EvaluationError, UnknownNameError } from "@elastic-attention/core";
import type { EvaluationSuite, SuiteOptions } from "../suite.js";
import { findSuite, suiteNames } from "../suites.js";
import type { PlannedSuite } from "./sample-plan.js";

export interface SuiteChoice {
  /** Names of suites; "all" stands for every suite whose data is available. */
  readonly suites: readonly string[];
  /** Names of tasks of any of these suites; default all. */
  readonly tasks?: readonly string[];
  readonly data: Omit<SuiteOptions, "tasks">;
  /**
   * Data of one suite, put over `data`: called for each suite in turn, once all names are known to be right. Fetching them is
   * its work. What it throws ends the planning.
   *
   * @param tasks names of the tasks that are wanted
   */
  readonly provide?: (suite: EvaluationSuite, tasks: readonly string[]) => Promise<Pick<SuiteOptions, "dataDirectory" | "files">>;
  /** Tasks, lengths and samples that a suite names, for those that have a preset of this name. */
  readonly preset?: string;
  /** Target lengths in tokens and samples of each task and length, before the preset's. */
  readonly lengths?: readonly number[];
  readonly samplesPerTask?: number;
}

export interface ChosenSuites {
  readonly planned: readonly PlannedSuite[];
  /** Suites of "all" that were left out, and why. */
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
}

/**
 * Finds suites and tasks by name.
 *
 * @throws UnknownNameError with the nearest name, DatasetError for missing data of a suite that was named
 */
export async function planSuites({ suites, tasks, data, provide, preset, lengths, samplesPerTask }: SuiteChoice): Promise<ChosenSuites> {
  const all = suites.includes("all");
  const names = all ? suiteNames() : Array.from(new Set(suites));
  const chosen = names.map((name) => findSuite(name));
  const known = chosen.flatMap(({ taskNames }) => taskNames);
  for (const task of tasks ?? []) if (!known.includes(task)) throw new UnknownNameError("task", task, known);
  const presets = chosen.flatMap((suite) => Object.keys(suite.presets));
  if (preset !== undefined && !presets.includes(preset)) throw new UnknownNameError("preset", preset, Array.from(new Set(presets)));
  const planned: PlannedSuite[] = [];
  const leftOut: { name: string; reason: string }[] = [];
  for (const suite of chosen) {
    const preselected = preset === undefined ? undefined : suite.presets[preset];
    const own = tasks?.filter((task) => suite.taskNames.includes(task)) ?? preselected?.tasks;
    const [ownLengths, ownSamples] = [lengths ?? preselected?.lengths, samplesPerTask ?? preselected?.samplesPerTask];
    if (own?.length === 0) continue;
    const provided = (await provide?.(suite, own ?? suite.taskNames)) ?? {};
    const files = { ...provided.files, ...data.files };
    try {
      planned.push({
        suite,
        tasks: await suite.tasks({ ...data, ...provided, files, ...(own === undefined ? {} : { tasks: own }) }),
        ...(ownLengths === undefined ? {} : { lengths: ownLengths }),
        ...(ownSamples === undefined ? {} : { samplesPerTask: ownSamples }),
      });
    } catch (error) {
      if (!(all && DatasetError.isInstance(error))) throw error;
      leftOut.push({ name: suite.name, reason: error.message.split("\n")[0]! });
    }
  }
  if (planned.length === 0) {
    throw new EvaluationError("There is nothing to evaluate.", leftOut.map(({ name, reason }) => `${name}: ${reason}`).join(" "));
  }
  return { planned, leftOut };
}
