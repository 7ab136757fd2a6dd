import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { HeadListError } from "@elastic-attention/core";
import { type HeadList, parseHeadList } from "@elastic-attention/router";
import type { PretrainedModel } from "@elastic-attention/transformer";

/** What decides a model's heads: its learned routers, a head list, or nothing. */
export type RouterKind = "learned" | "static" | "none";

/** Where the modes of a model's heads come from. */
export interface RouterChoice {
  readonly model: PretrainedModel;
  /** The list that was given, else the one of the model's folder; it decides where `router` is "static". */
  readonly headList: HeadList | undefined;
  readonly router: RouterKind;
  /** The same in words, with the file it came from and what it leaves unused. */
  readonly description: string;
}

/**
 * Which router decides: a head list that was given, else the model's learned routers, else heads.json of its folder, else
 * none.
 *
 * @param given a head list, or the path of one
 * @throws HeadListError for a list that cannot be read or was made for a model of another shape
 */
export function chooseRouter(model: PretrainedModel, given?: HeadList | string): RouterChoice {
  const headList = findHeadList(model, given);
  if (headList !== undefined && given !== undefined) {
    const list = `static head list ${typeof given === "string" ? given : "as given"}`;
    const description = model.hasLearnedRouter ? `${list}, instead of the model's learned routers` : list;
    return { model, headList, router: "static", description };
  }
  if (model.hasLearnedRouter) {
    const from = model.routerFile === undefined ? "of the checkpoint" : `of ${basename(model.routerFile)}`;
    return { model, headList, router: "learned", description: `learned routers ${from}` };
  }
  if (headList === undefined) return { model, headList, router: "none", description: "none" };
  return { model, headList, router: "static", description: `static head list ${headListName}` };
}

/** The list of a model's folder. */
const headListName = "heads.json";

function findHeadList(model: PretrainedModel, given: HeadList | string | undefined): HeadList | undefined {
  const own = join(model.directory, headListName);
  if (given === undefined && (model.directory === "" || !existsSync(own))) return undefined;
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
