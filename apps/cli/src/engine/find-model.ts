import { findModel as find, type FindModelOptions } from "@elastic-attention/generation";
import type { ResolvedModel } from "@elastic-attention/hub";
import registerPackages from "../program/register-packages.js";
import { FetchView } from "./fetch-view.js";

/** How a model is found. */
export interface FindOptions extends Omit<FindModelOptions, "onFetch"> {
  /** Nothing but errors is printed. */
  readonly quiet?: boolean;
  readonly signal: AbortSignal;
}

/**
 * The model that a name means, fetched where it has to be, with progress on standard error.
 *
 * @throws the errors of `findModel` of the generation package
 */
export async function findModel(name: string, { quiet = false, ...options }: FindOptions): Promise<ResolvedModel> {
  registerPackages();
  using view = new FetchView(name);
  const model = await find(name, { ...options, ...(quiet ? {} : { onFetch: (progress) => view.update(progress) }) });
  view[Symbol.dispose]();
  if (!quiet) for (const note of model.notes) console.error(`note: ${note}`);
  return model;
}
