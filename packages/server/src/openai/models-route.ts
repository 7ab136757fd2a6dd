import { ApiError } from "../errors/api-error.js";
import type { App } from "../http/app.js";
import type { ServerContext } from "../server-context.js";
import { requireModel } from "./require-model.js";
import { z } from "zod";

/** GET /v1/models and /v1/models/:model. */
export function modelsRoute(app: App, context: ServerContext): void {
  const schema = { tags: ["OpenAI"], summary: "The model that is served" };
  app.get("/v1/models", { schema }, () => ({ object: "list", data: [modelBody(context)] }));
  // A model's name may have slashes.
  app.get("/v1/models/*", { schema: { ...schema, params: z.object({ "*": z.string() }) } }, (request) => {
    const asked = request.params["*"];
    if (asked === "") throw new ApiError("Name a model.", { status: 404, type: "invalid_request_error" });
    requireModel(context, asked);
    return modelBody(context);
  });
}

function modelBody({ engine: { model }, modelId, created }: ServerContext): object {
  const { contextLength, routerDescription, router, modes, windows, numLayers, numKeyValueHeads, backend, dtype } = model;
  return {
    id: modelId,
    object: "model",
    created,
    owned_by: "elastic-attention",
    context_length: contextLength,
    max_model_len: contextLength,
    elastic: { modes, router, routerDescription, numLayers, numKeyValueHeads, windows, backend, dtype },
  };
}
