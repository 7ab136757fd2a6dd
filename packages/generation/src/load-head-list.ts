import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { HeadListError } from "@elastic-attention/core";
import { type HeadList, parseHeadList } from "@elastic-attention/router";
import type { PretrainedModel } from "@elastic-attention/transformer";

/**
 * The head list of a model: the one given, or heads.json in its folder; undefined when there is none.
 *
 * @throws HeadListError for a list that cannot be read or was made for a model of another shape
 */
export function loadHeadList(model: PretrainedModel, given: HeadList | string | undefined): HeadList | undefined {
  const own = join(model.directory, "heads.json");
  if (given === undefined && !existsSync(own)) return undefined;
  const where = typeof given === "object" ? "The head list" : (given ?? own);
  const list = parseHeadList(typeof given === "object" ? given : readList(given ?? own));
  const { numLayers, numKeyValueHeads } = model.spec;
  if (list.scores.length !== numLayers || list.scores[0]!.length !== numKeyValueHeads) {
    throw new HeadListError(
      `${where} has ${list.scores.length} layers of ${list.scores[0]!.length} heads; the model has ${numLayers} of ${numKeyValueHeads}.`,
    );
  }
  return list;
}

function readList(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new HeadListError(`Cannot read ${path}: ${(error as Error).message}.`);
  }
}
