import { InvalidRequestError } from "@elastic-attention/core";

/** A schema that no answer can be held to. @param at the keyword, as a path from "#" */
export function refusedSchema(at: string, why: string): InvalidRequestError {
  return new InvalidRequestError(`The JSON schema cannot be followed at ${at}: ${why}.`, "Leave that out, or check the answer yourself with response_format text.");
}
