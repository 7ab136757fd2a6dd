import type { GroupScore, ScoredRecord, SuiteSummary, TaskScore } from "./suite.js";

/** How a suite sums up beyond the means of its tasks. */
export interface AggregationRule {
  /**
   * "samples": every sample weighs the same (LongBench's average over 3 668 samples). "tasks": the mean of the tasks of a
   * length, and of the lengths (RULER).
   */
  readonly average: "samples" | "tasks";
  /** Order of tasks in tables; tasks that are not in it come last. */
  readonly taskOrder: readonly string[];
  /** Order of length buckets that have no number in their names. */
  readonly lengthOrder?: readonly string[];
  /** Further groups by a value in the samples' metadata: group name to metadata key. */
  readonly groups?: Readonly<Record<string, string>>;
}

/** Sums up records; `value` takes what to average from a record. */
export function aggregateRecords<R extends ScoredRecord>(
  records: readonly R[],
  rule: AggregationRule,
  value: (record: R) => number = (record) => record.score,
): SuiteSummary {
  const position = (task: string) => orderOf(rule.taskOrder, task);
  const tasks = taskScores(records, value).toSorted((left, right) => position(left.name) - position(right.name));
  const buckets = [...groupBy(records, (record) => record.lengthBucket)].toSorted(
    ([left], [right]) => orderOf(rule.lengthOrder, left) - orderOf(rule.lengthOrder, right) || compareLengths(left, right),
  );
  const lengths = buckets.map(([name, group]) => {
    const score = rule.average === "samples" ? mean(group.map(value)) : mean(taskScores(group, value).map((task) => task.score));
    return { name, score, samples: group.length };
  });
  const taskLengths = buckets.flatMap(([lengthBucket, group]) => taskScores(group, value).map((task) => ({ ...task, lengthBucket })));
  return {
    average: rule.average === "samples" ? mean(records.map(value)) : mean(lengths.map((length) => length.score)),
    samples: records.length,
    tasks,
    categories: [...groupBy(tasks, (task) => task.category)].map(([name, group]) => ({
      name,
      score: mean(group.map((task) => task.score)),
      samples: sum(group.map((task) => task.samples)),
    })),
    lengths,
    taskLengths: taskLengths.toSorted((left, right) => position(left.name) - position(right.name)),
    groups: Object.fromEntries(
      Object.entries(rule.groups ?? {}).map(([name, key]) => [
        name,
        [...groupBy(records, (record) => record.metadata?.[key])].flatMap(([label, group]) =>
          label === undefined ? [] : [groupScore(String(label), group.map(value))],
        ),
      ]),
    ),
  };
}

/** Position in an order; what is not in it comes last. */
function orderOf(order: readonly string[] = [], name: string): number {
  return order.includes(name) ? order.indexOf(name) : order.length;
}

function taskScores<R extends ScoredRecord>(records: readonly R[], value: (record: R) => number): TaskScore[] {
  return [...groupBy(records, (record) => record.task)].map(([name, group]) => ({
    ...groupScore(name, group.map(value)),
    category: group[0]!.category,
  }));
}

function groupScore(name: string, values: readonly number[]): GroupScore {
  return { name, score: mean(values), samples: values.length };
}

/** Groups in the order of their first member. */
function groupBy<T, K>(items: readonly T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group === undefined) groups.set(key(item), [item]);
    else group.push(item);
  }
  return groups;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, each) => total + each, 0);
}

/** NaN for no values. */
function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

/** By the first number in the name ("4-8k" before "8k+", "8192" before "16384"), then by name. */
function compareLengths(left: string, right: string): number {
  const difference = Number.parseFloat(left) - Number.parseFloat(right);
  return difference === 0 || Number.isNaN(difference) ? left.localeCompare(right) : difference;
}
