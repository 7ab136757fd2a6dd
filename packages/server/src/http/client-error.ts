import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { ApiError } from "../errors/api-error.js";
import { openAiErrorBody } from "../errors/error-body.js";

/** What is wrong with a request that is no HTTP or took too long, by Node.js's code for it. */
const problems: Readonly<Record<string, readonly [number, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: [408, "The request took too long to arrive."],
  HPE_HEADER_OVERFLOW: [431, "The request's headers are too large."],
};

/** Answers a request that never became one, in the form that clients read, and closes its connection. */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (socket.destroyed || error.code === "ECONNRESET") return;
  const [status, message] = problems[error.code ?? ""] ?? [400, "The request is not HTTP."];
  const body = JSON.stringify(openAiErrorBody(new ApiError(message, { status, type: "invalid_request_error" })));
  const headers = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, "content-type: application/json; charset=utf-8", `content-length: ${Buffer.byteLength(body)}`, "connection: close"];
  if (socket.writable) socket.write(`${headers.join("\r\n")}\r\n\r\n${body}`);
  socket.destroySoon();
}
