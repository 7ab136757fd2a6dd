import {
  ContextLengthError,
  DeviceError,
  DisposedError,
  ElasticAttentionError,
  EngineWorkerError,
  InvalidRequestError,
  OutOfMemoryError,
  TokenizerError,
} from "@elastic-attention/core";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import { ApiError } from "./api-error.js";

/** What a client is told of anything that was thrown; only errors that were made on purpose give their message away. */
export function apiErrorOf(error: unknown): ApiError {
  if (ApiError.isInstance(error)) return error;
  if (hasZodFastifySchemaValidationErrors(error)) return validationError(error.validation);
  if (ContextLengthError.isInstance(error)) {
    return new ApiError(error.message, { status: 400, type: "invalid_request_error", code: "context_length_exceeded", param: "messages" }, error);
  }
  if (InvalidRequestError.isInstance(error) || TokenizerError.isInstance(error)) {
    return requestError(error);
  }
  if (OutOfMemoryError.isInstance(error)) {
    return new ApiError(error.message, { status: 400, type: "invalid_request_error", code: "insufficient_memory" }, error);
  }
  if (EngineWorkerError.isInstance(error) || DeviceError.isInstance(error) || DisposedError.isInstance(error)) {
    return new ApiError(error.message, { status: 503, type: "server_error", code: "engine_unavailable", retryAfterSeconds: 5 }, error);
  }
  if (ElasticAttentionError.isInstance(error)) return new ApiError(error.message, { status: 500, type: "server_error", code: error.code }, error);
  return errorOfFastify(error) ?? new ApiError("The server failed; its log says how.", { status: 500, type: "server_error" }, error);
}

/** Fields of a body by the engine's names for them, with which its messages begin. */
const fields: ReadonlyMap<string, string> = new Map([
  ["logitBias", "logit_bias"],
  ["mode", "elastic.mode"],
  ["sparsity", "elastic.sparsity"],
  ["Session", "elastic.session"],
  ["tokens", "prompt"],
]);

function requestError(error: Error): ApiError {
  const [name] = /^\w+/.exec(error.message) ?? [""];
  const param = fields.get(name);
  if (param === undefined) return new ApiError(error.message, { status: 400, type: "invalid_request_error" }, error);
  const message = /^[a-z]/.test(name) ? param + error.message.slice(name.length) : error.message;
  return new ApiError(message, { status: 400, type: "invalid_request_error", param }, error);
}

function validationError(issues: readonly { readonly instancePath: string; readonly message?: string | undefined }[]): ApiError {
  const { instancePath, message = "is not valid" } = issues[0]!;
  const param = instancePath.replace(/^\//, "").replaceAll("/", ".");
  return ApiError.invalid(param, param === "" ? `The body: ${message}` : `${param}: ${message}`);
}

/** What the framework refuses, by its codes: the code and, where its own words say little, the message that clients get. */
const refusals: Readonly<Record<string, readonly [string, string?]>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: ["invalid_json", "The body is not valid JSON."],
  FST_ERR_CTP_EMPTY_JSON_BODY: ["invalid_json", "The body is empty; it has to be JSON."],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ["unsupported_media_type", "Send JSON, with the header `content-type: application/json`."],
  FST_ERR_CTP_BODY_TOO_LARGE: ["body_too_large", "The body is larger than this server takes."],
  FST_ERR_BAD_URL: ["invalid_url"],
};

/** Bodies that are too large, of another type or no JSON; routes that do not exist. */
function errorOfFastify(error: unknown): ApiError | undefined {
  const { statusCode, code, message } = error as { statusCode?: unknown; code?: unknown; message?: unknown };
  if (typeof statusCode !== "number" || statusCode < 400 || statusCode > 499) return undefined;
  const [ownCode, ownMessage = String(message)] = refusals[String(code)] ?? [];
  return new ApiError(ownMessage, { status: statusCode, type: "invalid_request_error", ...(ownCode === undefined ? {} : { code: ownCode }) }, error);
}
