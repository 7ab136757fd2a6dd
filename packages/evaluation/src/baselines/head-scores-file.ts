import { readFileSync } from "node:fs";
import { HeadListError } from "@elastic-attention/core";
import { type HeadList, parseHeadList } from "@elastic-attention/router";

/**
 * Reads head scores from a file: a head list of ours (JSON), or the matrix that DuoAttention and PruLong publish (one row for
 * each layer, one number for each key-value head, higher for retrieval heads, between tabs, commas or spaces).
 *
 * @throws HeadListError
 */
export function readHeadScores(path: string): HeadList {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new HeadListError(`Cannot read the head list ${path}: ${(error as Error).message}.`);
  }
  return /^\s*\{/.test(text) ? parseHeadList(parseJson(text, path)) : parseMatrix(text, path);
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HeadListError(`${path} is not JSON: ${(error as Error).message}.`);
  }
}

function parseMatrix(text: string, path: string): HeadList {
  const rows = text.split(/\r?\n/).map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
  const scores = rows.map((line) => line.split(/[\s,]+/).map(Number));
  if (scores.length === 0 || scores.some((row) => row.some((score) => !Number.isFinite(score)))) {
    throw new HeadListError(`${path} is neither a head list in JSON nor a matrix of numbers, one row for each layer.`);
  }
  // The published lists leave the share of sparse heads to whoever runs them; DuoAttention evaluates at 0.5.
  return parseHeadList({ version: 1, description: `scores from ${path}`, scores, sparsity: 0.5 });
}

/** @throws HeadListError when the list was made for a model of another shape */
export function requireShape(list: HeadList, path: string, numLayers: number, numKeyValueHeads: number): void {
  const [layers, heads] = [list.scores.length, list.scores[0]!.length];
  if (layers === numLayers && heads === numKeyValueHeads) return;
  throw new HeadListError(`${path} has ${layers} layers of ${heads} heads; the model has ${numLayers} of ${numKeyValueHeads}.`);
}
