import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { HeadListError, InvalidRequestError } from "@elastic-attention/core";
import { type HeadList, parseHeadList } from "@elastic-attention/router";
import { SafetensorsFile } from "@elastic-attention/tensor";
import type { ModelSpec, PretrainedModel } from "@elastic-attention/transformer";

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
  const headList = findHeadList(model.directory, model.spec, given);
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

/**
 * Whether router files that were named can be used at all, before a model is looked for.
 * @throws InvalidRequestError for two at once, HeadListError and the errors of `SafetensorsFile.open` for one that cannot be read
 */
export function checkRouterFiles({ headList, routers }: { readonly headList?: HeadList | string; readonly routers?: string }): void {
  if (headList !== undefined && routers !== undefined) {
    throw new InvalidRequestError("Both a head list and routers were given.", "Give the one that is to decide.");
  }
  if (headList !== undefined) parseHeadList(typeof headList === "object" ? headList : readList(headList));
  if (routers !== undefined) SafetensorsFile.open(routers).close();
}

/** The list of a model's folder. */
export const headListName = "heads.json";

/**
 * The head list that was given, else that of a model's folder; undefined where there is none.
 * @throws HeadListError for a list that cannot be read or was made for a model of another shape
 */
export function findHeadList(directory: string, spec: Pick<ModelSpec, "numLayers" | "numKeyValueHeads">, given?: HeadList | string): HeadList | undefined {
  const own = join(directory, headListName);
  if (given === undefined && (directory === "" || !existsSync(own))) return undefined;
  const where = typeof given === "object" ? "The head list" : (given ?? own);
  const list = parseHeadList(typeof given === "object" ? given : readList(given ?? own));
  const { numLayers, numKeyValueHeads } = spec;
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
