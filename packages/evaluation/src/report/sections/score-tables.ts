import { lengthText, scoreText, sparsityText } from "../figures.js";
import { element, escapeMarkup } from "../markup.js";
import type { SuiteReport } from "../run-summary.js";
import type { SuiteSummary } from "../../suite.js";

type Column = { readonly name: string; readonly of: (summary: SuiteSummary) => number | undefined };

/** The paper's Table 2: a row for each mode, a column for each length. Empty for suites of one length. */
export function lengthTable(suite: SuiteReport): string {
  const names = namesIn(suite, ({ lengths }) => lengths);
  if (names.length < 2) return "";
  const columns = names.map((name) => ({ name: lengthText(name), of: ({ lengths }: SuiteSummary) => lengths.find((each) => each.name === name)?.score }));
  return modeTable(suite, "By length in tokens", columns);
}

/** The paper's Table 1: a row for each mode, a column for each category. Empty where another table says it all. */
export function categoryTable(suite: SuiteReport): string {
  const names = namesIn(suite, ({ categories }) => categories);
  if (names.length < 2 && namesIn(suite, ({ lengths }) => lengths).length > 1) return "";
  const columns = names.map((name) => ({ name, of: ({ categories }: SuiteSummary) => categories.find((each) => each.name === name)?.score }));
  return modeTable(suite, "By category", columns);
}

/** Further groups of a suite, such as easy and hard; depths have a map of their own. */
export function groupTables(suite: SuiteReport): string {
  const groups = Object.keys(suite.results[0]?.score.groups ?? {}).filter((group) => group !== "depth");
  return groups
    .map((group) => {
      const names = namesIn(suite, ({ groups }) => groups[group] ?? []);
      if (names.length < 2 || names.length > 12) return "";
      const columns = names.map((name) => ({ name, of: ({ groups }: SuiteSummary) => groups[group]?.find((each) => each.name === name)?.score }));
      return modeTable(suite, `By ${group}`, columns);
    })
    .join("");
}

/** Columns of scores that a page is wide enough for. */
const mostTaskColumns = 12;

/** A row for each task, columns for each length and over all of them, one for each mode; under each score its MSR. */
export function taskTable(suite: SuiteReport): string {
  const { results, scoreUnit } = suite;
  const tasks = namesIn(suite, ({ tasks }) => tasks);
  if (tasks.length < 2) return "";
  const lengths = namesIn(suite, ({ lengths }) => lengths);
  const split = lengths.length > 1 && (lengths.length + 1) * results.length <= mostTaskColumns;
  const groups: readonly TaskColumns[] = [...(split ? lengths.map(ofLength) : []), { name: split ? "all lengths" : "", of: ({ tasks }, task) => find(tasks, task) }];
  const rows = tasks.map((task) => {
    const cells = groups.flatMap(({ of }) => {
      const values = results.map(({ score }) => of(score, task));
      const best = bestText(values, scoreUnit);
      return results.map(({ modelSparsity }, index) => scoreCell(values[index], best, scoreUnit, of(modelSparsity, task), index === 0));
    });
    const category = results[0]!.score.tasks.find(({ name }) => name === task)?.category ?? "";
    return element("tr", {}, element("th", { scope: "row" }, escapeMarkup(task), element("small", {}, escapeMarkup(category))), ...cells);
  });
  const modes = groups.flatMap(() => results.map(({ variant }, index) => element("th", { scope: "col", class: groupStart(index === 0) }, escapeMarkup(variant))));
  const names = groups.map(({ name }) => element("th", { scope: "colgroup", class: "group start", colspan: results.length }, escapeMarkup(name)));
  const head = (split ? element("tr", {}, element("th", {}), ...names) : "") + element("tr", {}, element("th", {}, "Task"), ...modes);
  return table("By task", "Score, and below it the share of sparse heads (MSR); best in bold.", head, rows);
}

/** Columns of the task table: a score for each task, or none. */
interface TaskColumns {
  readonly name: string;
  readonly of: (summary: SuiteSummary, task: string) => number | undefined;
}

function ofLength(length: string): TaskColumns {
  return { name: lengthText(length), of: ({ taskLengths }, task) => find(taskLengths.filter(({ lengthBucket }) => lengthBucket === length), task) };
}

function find(scores: readonly { readonly name: string; readonly score: number }[], name: string): number | undefined {
  return scores.find((each) => each.name === name)?.score;
}

/** The first column of a group stands apart from the one before. */
function groupStart(first: boolean): string | undefined {
  return first ? "start" : undefined;
}

function modeTable(suite: SuiteReport, title: string, columns: readonly Column[]): string {
  const { results, scoreUnit } = suite;
  const all: readonly Column[] = [...columns, { name: "Avg", of: ({ average }) => average }];
  const best = all.map(({ of }) => bestText(results.map(({ score }) => of(score)), scoreUnit));
  const rows = results.map((result) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, escapeMarkup(result.variant)),
      ...all.map(({ of }, index) => scoreCell(of(result.score), best[index]!, scoreUnit, of(result.modelSparsity))),
      element("td", { class: "aside" }, sparsityText(result.modelSparsity.average)),
      element("td", { class: "aside" }, sparsityText(result.effectiveSparsity.average)),
    ),
  );
  const names = [...all.map(({ name }) => name), "MSR", "ESR"];
  const head = element("tr", {}, element("th", {}, "Mode"), ...names.map((name) => element("th", { scope: "col" }, escapeMarkup(name))));
  return table(title, "", head, rows);
}

function scoreCell(score: number | undefined, best: string, unit: "share" | "nats", sparsity: number | undefined, first = false): string {
  const start = { class: groupStart(first) };
  if (score === undefined) return element("td", start, "–");
  const text = scoreText(score, unit);
  const below = sparsity === undefined || sparsity === 0 ? "" : element("small", {}, sparsityText(sparsity));
  return element("td", start, text === best ? element("b", {}, text) : text, below);
}

/** The best score as it is printed, so that equal figures are all bold; none where there is nothing to compare. */
function bestText(scores: readonly (number | undefined)[], unit: "share" | "nats"): string {
  const known = scores.filter((score) => score !== undefined && Number.isFinite(score)) as number[];
  // That nobody solved a task is no best.
  if (known.length < 2 || (unit === "share" && known.every((score) => score === 0))) return "";
  return scoreText(unit === "share" ? Math.max(...known) : Math.min(...known), unit);
}

function table(title: string, note: string, head: string, rows: readonly string[]): string {
  return element(
    "section",
    { class: "block wide" },
    element("h3", {}, escapeMarkup(title)),
    note === "" ? "" : element("p", { class: "note" }, escapeMarkup(note)),
    element("div", { class: "scroll" }, element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows))),
  );
}

/** Names of groups over all modes, in order. */
function namesIn(suite: SuiteReport, groups: (summary: SuiteSummary) => readonly { readonly name: string }[]): string[] {
  return Array.from(new Set(suite.results.flatMap(({ score }) => groups(score).map(({ name }) => name))));
}
