import type { Tokenizer } from "@elastic-attention/generation";
import type { Router } from "@elastic-attention/router";
import { buildExample, parseTrainingRow, publishedTasks } from "@elastic-attention/training";
import type { PretrainedModel } from "@elastic-attention/transformer";
import { type DataRow, promptFamilies } from "./generate-rows.js";

/** Scores of one family of prompts at one length. */
export interface FamilyScore {
  readonly family: string;
  readonly task: string;
  readonly length: number;
  readonly samples: number;
  /** Share of prompts whose greedy answer is exactly the expected one. */
  readonly exact: number;
  /** Share of answer tokens that are the most likely ones after what precedes them. */
  readonly tokens: number;
  /** Mean share of sparse heads. */
  readonly sparsity: number;
}

/** Scores of the same systems on parts of the rows, joined. */
export function mergeScores(parts: readonly (readonly FamilyScore[])[]): FamilyScore[] {
  const groups = groupBy(parts.flat(), ({ family, length }) => `${family} ${length}`);
  return [...groups.values()].map((group) => {
    const samples = group.reduce((sum, part) => sum + part.samples, 0);
    const weighted = (key: "exact" | "tokens" | "sparsity") => group.reduce((sum, part) => sum + part[key] * part.samples, 0) / samples;
    return { ...group[0]!, samples, exact: weighted("exact"), tokens: weighted("tokens"), sparsity: weighted("sparsity") };
  });
}

/** What to tell of a set of scores. */
export interface ScoreSummary {
  readonly exact: number;
  readonly tokens: number;
  readonly sparsity: number;
  /** Mean share of sparse heads by task. */
  readonly sparsityByTask: Readonly<Record<string, number>>;
}

/** A held-out row as the model reads it. */
export interface TokenizedRow {
  readonly metadata: DataRow["metadata"];
  readonly prompt: Int32Array;
  /** Up to the end of the turn, which is part of a right answer; the template's line break after it is not. */
  readonly answer: Int32Array;
}

export function tokenizeRow(row: DataRow, tokenizer: Tokenizer, endOfTextId: number): TokenizedRow {
  const parsed = parseTrainingRow(row, publishedTasks, `a row of ${row.metadata.family}`);
  const { tokens, answerStart } = buildExample(parsed, { tokenizer, tasks: publishedTasks, layout: "plain" });
  return { metadata: row.metadata, prompt: tokens.slice(0, answerStart), answer: tokens.slice(answerStart, tokens.lastIndexOf(endOfTextId) + 1) };
}

/**
 * Scores held-out rows under a router (none: every head full). The prompt is prefilled and routed alone; the answer then
 * goes on under its plan, so routers never see it. It is exact iff every token is the most likely one after the ones
 * before: what greedy decoding would write.
 */
export async function scoreRows(model: PretrainedModel, rows: readonly TokenizedRow[], router: Router | undefined): Promise<FamilyScore[]> {
  const scores: FamilyScore[] = [];
  for (const row of rows) scores.push(await scoreRow(model, row, router));
  return mergeScores([scores]);
}

const openEnded = new Set(promptFamilies.filter((family) => family.openEnded === true).map(({ name }) => name));

export function summarize(scores: readonly FamilyScore[]): ScoreSummary {
  const tasks = [...new Set(scores.map(({ task }) => task))];
  const of = (task: string) => mean(scores.filter((score) => score.task === task).map(({ sparsity }) => sparsity));
  const answerable = scores.filter(({ family }) => !openEnded.has(family));
  return {
    exact: mean(answerable.map(({ exact }) => exact)),
    tokens: mean(scores.map(({ tokens }) => tokens)),
    sparsity: mean(scores.map(({ sparsity }) => sparsity)),
    sparsityByTask: Object.fromEntries(tasks.map((task) => [task, of(task)])),
  };
}

async function scoreRow(model: PretrainedModel, { metadata, prompt, answer }: TokenizedRow, router: Router | undefined): Promise<FamilyScore> {
  const { decoder } = model;
  using cache = decoder.createCache({ paged: false });
  const first = await decoder.prefill({ sequences: [{ tokens: prompt, cache, ...(router === undefined ? {} : { router }) }] });
  using firstLogits = first.logits;
  const rest = await decoder.prefill({ sequences: [{ tokens: answer.slice(0, -1), cache }], logitsRows: answer.length - 1 });
  using restLogits = rest.logits;
  const likely = [...argmaxRows(firstLogits.toFloat32(), 1), ...argmaxRows(restLogits.toFloat32(), answer.length - 1)];
  const hits = [...answer].map((id, index) => likely[index] === id);
  const assignment = first.sequences[0]!.routing.assignment.flat();
  return {
    family: metadata.family,
    task: metadata.task,
    length: metadata.length,
    samples: 1,
    exact: hits.every(Boolean) ? 1 : 0,
    tokens: mean(hits.map(Number)),
    sparsity: mean(assignment.map((mode) => (mode === 0 ? 0 : 1))),
  };
}

function argmaxRows(logits: Float32Array, rows: number): number[] {
  const width = logits.length / rows;
  return Array.from({ length: rows }, (_, row) => {
    let best = row * width;
    for (let i = best + 1; i < (row + 1) * width; i++) if (logits[i]! > logits[best]!) best = i;
    return best - row * width;
  });
}

/** Values by key, both in the order in which they first come. */
export function groupBy<Value>(values: readonly Value[], key: (value: Value) => string): Map<string, Value[]> {
  const groups = new Map<string, Value[]>();
  for (const value of values) {
    const group = groups.get(key(value));
    if (group === undefined) groups.set(key(value), [value]);
    else group.push(value);
  }
  return groups;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
