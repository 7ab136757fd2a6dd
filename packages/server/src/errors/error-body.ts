import type { ApiError } from "./api-error.js";

/** An error as OpenAI's clients read it. */
export function openAiErrorBody({ message, details: { type, code, param } }: ApiError) {
  return { error: { message, type, param: param ?? null, code: code ?? null } };
}

const anthropicTypes: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
};

/** An error as Anthropic's clients read it. */
export function anthropicErrorBody({ message, details: { status } }: ApiError) {
  return { type: "error", error: { type: anthropicTypes[status] ?? (status < 500 ? "invalid_request_error" : "api_error"), message } };
}

/** The body for a route, by its path. */
export function errorBody(path: string, error: ApiError): object {
  return path.startsWith("/v1/messages") ? anthropicErrorBody(error) : openAiErrorBody(error);
}

/** An error as the last event of a stream that has begun, and its name where the protocol has names. */
export function errorEvent(path: string, error: ApiError): { readonly data: object; readonly event?: string } {
  const data = errorBody(path, error);
  if (path.startsWith("/v1/messages")) return { data, event: "error" };
  if (!path.startsWith("/v1/responses")) return { data };
  const { code, param } = error.details;
  // Some clients read the event's own fields, others what every other error has.
  return { data: { type: "error", code: code ?? null, message: error.message, param: param ?? null, ...data }, event: "error" };
}
