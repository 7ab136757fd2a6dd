import { demoModelDirectory, demoModelInformation } from "@elastic-attention/demo-model";
import { checkRouterFiles } from "@elastic-attention/generation";
import type { ModelOptions } from "../options/model-options.js";
import type { RoutingOptions } from "../options/routing-options.js";
import { chosenRouter, requestRouting } from "./request-settings.js";

/** What a command says of its model. */
export type NamedModelOptions = Pick<ModelOptions, "model" | "backend" | "dtype" | "weights" | "json"> & Pick<RoutingOptions, "mode" | "sparsity" | "router" | "heads">;

/** The model that was asked for, fetched where it has to be. @throws the errors of `findModel` */
export async function namedModel(options: NamedModelOptions, signal: AbortSignal): Promise<{ readonly path: string; readonly name: string }> {
  const { model, backend, dtype, weights, json, heads } = options;
  const { file: routers } = chosenRouter(options);
  checkRouterFiles({ ...(heads === undefined ? {} : { headList: heads }), ...(routers === undefined ? {} : { routers }) });
  if (model === undefined) return { path: demoModelDirectory(), name: demoModelInformation.name };
  // The hub's client is large, and not needed for the demo model.
  const { findModel } = await import("./find-model.js");
  return findModel(model, {
    backend,
    routing: requestRouting(options),
    hasRouter: heads !== undefined || routers !== undefined,
    signal,
    ...(dtype === undefined ? {} : { dtype }),
    ...(weights === undefined ? {} : { weights }),
    ...(json === undefined ? {} : { quiet: json }),
  });
}
