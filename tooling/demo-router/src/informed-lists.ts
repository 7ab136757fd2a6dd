import { publishedTasks } from "@elastic-attention/training";
import { type FamilyScore, groupBy, mean, type ScoreSummary, summarize } from "./evaluate.js";

/** What evaluated lists would gain from being told each prompt's task; differences of shares. */
export interface InformedGain {
  readonly list: string;
  /** Pairs of shares that were compared. */
  readonly pairs: number;
  readonly exact: Range;
  readonly tokens: Range;
}

export interface Range {
  readonly least: number;
  readonly mean: number;
  readonly most: number;
}

const robust = new Set(publishedTasks.filter(({ kind }) => kind === "robust").map(({ name }) => name));

/**
 * Gives sensitive tasks a list at one sparsity and robust ones the same list at another, `gap` or more above it, and
 * compares with the list at the sparsity that both come to, between the two nearest that were evaluated. A router that
 * orders heads as the list does and knows every task can do no better.
 *
 * @param systems scores by name, those of lists as `evaluate` names them: "heads FILE at SHARE"
 */
export function informedGains(systems: ReadonlyMap<string, readonly FamilyScore[]>, gap: number): InformedGain[] {
  const lists = groupBy([...systems].filter(([name]) => /^heads .* at /.test(name)), ([name]) => name.replace(/ at [^ ]*$/, ""));
  return [...lists].flatMap(([list, members]) => {
    const whole = members.map(([, scores]) => ({ scores, ...summarize(scores) })).sort((a, b) => a.sparsity - b.sparsity);
    const gains = whole.flatMap((dense) =>
      whole
        // Shares are rounded to whole heads.
        .filter((sparse) => sparse.sparsity - dense.sparsity >= gap - 1e-6)
        .map((sparse) => {
          const mixed = [...dense.scores.filter(({ task }) => !robust.has(task)), ...sparse.scores.filter(({ task }) => robust.has(task))];
          return gainOver(whole, summarize(mixed));
        }),
    );
    if (gains.length === 0) return [];
    return [{ list, pairs: gains.length, exact: rangeOf(gains.map(({ exact }) => exact)), tokens: rangeOf(gains.map(({ tokens }) => tokens)) }];
  });
}

/** What `mixed` has above a list at the same sparsity, between the two nearest of those that were evaluated. */
function gainOver(whole: readonly ScoreSummary[], mixed: ScoreSummary): { readonly exact: number; readonly tokens: number } {
  const above = whole.findIndex(({ sparsity }) => sparsity >= mixed.sparsity);
  const [low, high] = [whole[above - 1]!, whole[above]!];
  const weight = (mixed.sparsity - low.sparsity) / (high.sparsity - low.sparsity);
  const gain = (key: "exact" | "tokens") => mixed[key] - (1 - weight) * low[key] - weight * high[key];
  return { exact: gain("exact"), tokens: gain("tokens") };
}

function rangeOf(values: readonly number[]): Range {
  return { least: Math.min(...values), mean: mean(values), most: Math.max(...values) };
}
