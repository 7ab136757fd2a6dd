import { totalmem } from "node:os";
import { OutOfMemoryError } from "@elastic-attention/core";
import { type ModelPlan, resolveModel, type ResolvedModel } from "@elastic-attention/hub";
import { findModelAdapter, ModelConfig } from "@elastic-attention/transformer";
import registerPackages from "../program/register-packages.js";
import { FetchView } from "./fetch-view.js";

/** How a model is found. */
export interface FindOptions {
  /** The backend that it is loaded on; undefined: it is fetched only. */
  readonly backend?: string;
  /** Nothing but errors is printed. */
  readonly quiet?: boolean;
  readonly signal: AbortSignal;
}

/**
 * The model that a name means, fetched where it has to be, with progress on standard error. A model that could not be loaded is
 * refused before its weights are fetched.
 *
 * @throws the errors of `resolveModel`, ModelConfigError for an architecture that is not known, OutOfMemoryError
 */
export async function findModel(name: string, { backend, quiet, signal }: FindOptions): Promise<ResolvedModel> {
  using view = new FetchView(name);
  const check = (plan: ModelPlan) => {
    checkArchitecture(plan);
    if (backend === "cpu" || backend === "reference") checkMemory(plan, backend);
  };
  const model = await resolveModel(name, { check, signal, ...(quiet === true ? {} : { onProgress: (progress) => view.update(progress) }) });
  view[Symbol.dispose]();
  if (quiet !== true) for (const note of model.notes) console.error(`note: ${note}`);
  return model;
}

function checkArchitecture({ name, config }: ModelPlan): void {
  if (config === undefined) return;
  registerPackages();
  const read = new ModelConfig(config, `config.json of ${name}`);
  findModelAdapter(read).spec(read);
}

/** Weights are kept in memory in their own type or in a wider one. */
function checkMemory({ name, weightBytes }: ModelPlan, backend: string): void {
  const limit = process.constrainedMemory?.() ?? 0;
  const memory = limit > 0 && limit < totalmem() ? limit : totalmem();
  if (weightBytes > memory) throw new OutOfMemoryError(backend, weightBytes, 0, memory, `the weights of ${name}`);
}
