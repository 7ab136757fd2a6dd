import { HeadListError } from "@elastic-attention/core";

/** How much each key-value head of a model retrieves: made once for a model, used by {@link StaticRouter}. */
export interface HeadList {
  readonly version: 1;
  /** For people: which model, and how the scores were made. */
  readonly description: string;
  /** [layer][kvHead]; higher means more retrieval. */
  readonly scores: readonly (readonly number[])[];
  /** Default share of sparse heads, 0 to 1. */
  readonly sparsity: number;
}

/** Checks a head list that comes from outside. @throws HeadListError */
export function parseHeadList(value: unknown): HeadList {
  if (typeof value !== "object" || value === null) throw new HeadListError("A head list is a JSON object.");
  const { version, description, scores, sparsity } = value as Record<string, unknown>;
  if (version !== 1) throw new HeadListError(`Head list version ${JSON.stringify(version)} is not known; expected 1.`);
  if (typeof sparsity !== "number" || !(sparsity >= 0 && sparsity <= 1)) {
    throw new HeadListError(`sparsity must be between 0 and 1, found ${JSON.stringify(sparsity)}.`);
  }
  const isRow = (row: unknown): row is number[] => Array.isArray(row) && row.every((score) => Number.isFinite(score));
  if (!Array.isArray(scores) || scores.length === 0 || !scores.every(isRow)) {
    throw new HeadListError("scores must be one list of finite numbers for each layer.");
  }
  if (scores.some((row) => row.length !== scores[0]!.length)) throw new HeadListError("Every layer must have the same heads.");
  return { version, description: typeof description === "string" ? description : "", scores, sparsity };
}
