import { ApiError } from "../errors/api-error.js";
import type { ServerContext } from "../server-context.js";

/** A request without a model gets the one that is served. @throws ApiError 404 for another one */
export function requireModel({ modelId }: Pick<ServerContext, "modelId">, asked: string | null | undefined): void {
  if (asked == null || asked === modelId) return;
  const shown = asked.length > 200 ? `${asked.slice(0, 200)}…` : asked;
  throw new ApiError(`The model ${JSON.stringify(shown)} is not served here; ${JSON.stringify(modelId)} is.`, {
    status: 404,
    type: "invalid_request_error",
    code: "model_not_found",
    param: "model",
  });
}
