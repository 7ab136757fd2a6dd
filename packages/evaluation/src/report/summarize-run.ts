import { isSweep, type Variant } from "../baselines/variant.js";
import type { EvaluationRecord } from "../records/record.js";
import type { RunDescription } from "../run/run-settings.js";
import type { EvaluationSuite } from "../suite.js";
import { findSuite } from "../suites.js";
import { summarizeDepths, summarizePositions } from "./summarize-curves.js";
import { summarizeFrontier } from "./summarize-frontier.js";
import { summarizeHeads } from "./summarize-heads.js";
import type { Miss, RetainedScore, RunSummary, SpeedRow, SuiteReport } from "./run-summary.js";

/**
 * Sums up the records of a run; a run that was stopped early gives what it has.
 *
 * @throws UnknownNameError for a suite that is not registered
 */
export function summarizeRun({ settings, environment }: RunDescription, records: readonly EvaluationRecord[]): RunSummary {
  const suites = settings.suites.flatMap(({ name }) => {
    const own = records.filter(({ suite }) => suite === name);
    return own.length === 0 ? [] : [summarizeSuite(findSuite(name), own, settings.variants)];
  });
  return { settings, environment, records: records.length, suites };
}

function summarizeSuite(suite: EvaluationSuite, records: readonly EvaluationRecord[], variants: readonly Variant[]): SuiteReport {
  const of = (variant: Variant) => records.filter((record) => record.variant === variant.name);
  const named = variants.filter((variant) => !isSweep(variant) && of(variant).length > 0);
  return {
    name: suite.name,
    description: suite.description,
    scoreUnit: suite.scoreUnit,
    samples: new Set(records.map(({ id }) => id)).size,
    truncated: new Set(records.filter(({ truncated }) => truncated).map(({ id }) => id)).size,
    results: named.map((variant) => ({
      variant: variant.name,
      score: suite.aggregate(of(variant)),
      modelSparsity: suite.aggregate(of(variant), ({ modelSparsity }) => modelSparsity),
      effectiveSparsity: suite.aggregate(of(variant), ({ effectiveSparsity }) => effectiveSparsity),
    })),
    retained: retainedScores(suite, records, variants),
    speed: named.flatMap((variant) => speedRows(variant.name, of(variant))),
    frontier: suite.scoreUnit === "share" ? summarizeFrontier(records, named) : [],
    headMaps: named.filter(({ kind }) => kind !== "full").map((variant) => summarizeHeads(variant.name, of(variant))),
    depths: named.flatMap((variant) => summarizeDepths(variant.name, of(variant))),
    positions: named.flatMap((variant) => summarizePositions(variant.name, of(variant))),
    misses: suite.scoreUnit === "share" ? misses(records, named) : [],
  };
}

/** The paper's Figure 2 and Table 5. Variants of a sweep may have run on fewer samples than full attention. */
function retainedScores(suite: EvaluationSuite, records: readonly EvaluationRecord[], variants: readonly Variant[]): RetainedScore[] {
  if (suite.scoreUnit !== "share") return [];
  const full = records.filter(({ variant }) => variant === "full");
  return variants.flatMap((variant): RetainedScore[] => {
    if (variant.kind !== "elastic" || !variant.sweep) return [];
    const own = records.filter((record) => record.variant === variant.name);
    const ids = new Set(own.map(({ id }) => id));
    const same = full.filter(({ id }) => ids.has(id));
    if (own.length === 0 || same.length < own.length) return [];
    const [score, fullScore] = [suite.aggregate(own).average, suite.aggregate(same).average];
    const modelSparsity = suite.aggregate(own, (record) => record.modelSparsity).average;
    return [
      { mode: variant.mode, target: variant.sparsity!, modelSparsity, samples: own.length, score, fullScore, retained: fullScore > 0 ? score / fullScore : 0 },
    ];
  });
}

function speedRows(variant: string, records: readonly EvaluationRecord[]): SpeedRow[] {
  const buckets = Array.from(new Set(records.map(({ lengthBucket }) => lengthBucket)));
  return buckets.sort((a, b) => parseFloat(a) - parseFloat(b)).map((lengthBucket) => {
    const own = records.filter((record) => record.lengthBucket === lengthBucket);
    const total = (value: (record: EvaluationRecord) => number) => own.reduce((sum, record) => sum + value(record), 0);
    const decodeSeconds = total((record) => record.decodeSeconds);
    return {
      variant,
      lengthBucket,
      samples: own.length,
      promptTokens: total((record) => record.promptTokens) / own.length,
      prefillSeconds: total((record) => record.prefillSeconds) / own.length,
      decodeTokensPerSecond: decodeSeconds > 0 ? total((record) => Math.max(0, record.newTokens - 1)) / decodeSeconds : 0,
      keyValueBytes: total((record) => record.keyValueBytes) / own.length,
      fullKeyValueBytes: total((record) => record.fullKeyValueBytes) / own.length,
      peakBytes: Math.max(...own.map(({ peakBytes }) => peakBytes)),
    };
  });
}

/** Longest text of an answer in the report; references likewise. */
const shownCharacters = 240;

/** One answer of each task that scored least, under the last variant asked for that has one below a full score. */
function misses(records: readonly EvaluationRecord[], variants: readonly Variant[]): Miss[] {
  const variant = variants.findLast(({ kind }) => kind === "elastic") ?? variants.at(-1);
  const own = records.filter((record) => record.variant === variant?.name && record.score < 1);
  const tasks = Array.from(new Set(own.map(({ task }) => task)));
  return tasks.map((task) => {
    const worst = own.filter((record) => record.task === task).reduce((least, record) => (record.score < least.score ? record : least));
    const { id, score, output, references } = worst;
    return { variant: variant!.name, id, score, output: shown(output), references: references.slice(0, 12).map(shown) };
  });
}

function shown(text: string): string {
  return text.length <= shownCharacters ? text : `${text.slice(0, shownCharacters)}…`;
}
