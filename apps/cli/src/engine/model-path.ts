import { demoModelDirectory, demoModelInformation } from "@elastic-attention/demo-model";
import type { ModelOptions } from "../options/model-options.js";

/** The model that was asked for, fetched where it has to be. @throws the errors of `findModel` */
export async function namedModel(options: Pick<ModelOptions, "model" | "backend" | "json">, signal: AbortSignal): Promise<{ readonly path: string; readonly name: string }> {
  const { model, backend, json } = options;
  if (model === undefined) return { path: demoModelDirectory(), name: demoModelInformation.name };
  // The hub's client is large, and not needed for the demo model.
  const { findModel } = await import("./find-model.js");
  return findModel(model, { backend, signal, ...(json === undefined ? {} : { quiet: json }) });
}
