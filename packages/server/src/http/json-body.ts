import type { FastifyInstance } from "fastify";
import { ApiError } from "../errors/api-error.js";

/** Deeper than any request that makes sense; what walks a body recursively would overflow the stack with more. */
const deepestBody = 64;

/** Reads JSON bodies: `__proto__` is refused, and so is what is nested too deeply. */
export function readJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeContentTypeParser("application/json");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, text, done) => {
    if (isDeeper(text as string, deepestBody)) return done(tooDeep());
    // An answer without a promise: the parser calls `done`.
    void parse(request, text as string, done);
  });
}

function tooDeep(): ApiError {
  return new ApiError(`The body is nested more than ${deepestBody} levels deep.`, { status: 400, type: "invalid_request_error", code: "body_too_deep" });
}

/** Whether a JSON text opens more brackets than the limit, found before it is parsed. */
export function isDeeper(text: string, limit: number): boolean {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text.charCodeAt(index);
    if (character === 0x22) index = endOfString(text, index);
    else if (character === 0x5b || character === 0x7b) depth += 1;
    else if (character === 0x5d || character === 0x7d) depth -= 1;
    if (depth > limit) return true;
  }
  return false;
}

/** The closing quote of the string that begins at a place. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes += 1;
    if (slashes % 2 === 0) return end;
  }
  return text.length;
}
