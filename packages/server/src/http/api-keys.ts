import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { ApiError } from "../errors/api-error.js";

/** The keys that open a server. Comparing takes the same time whatever was given: digests of one length, and all of them. */
export class ApiKeys {
  readonly #digests: readonly Buffer[];

  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digest);
  }

  /** Where there are keys, a request has to bring one: as bearer token, or in `x-api-key`. @throws ApiError 401 */
  require(request: FastifyRequest): void {
    if (this.#digests.length === 0 || this.#has(keyOf(request))) return;
    throw new ApiError("The API key is missing or wrong. Send it as `Authorization: Bearer KEY` or `x-api-key: KEY`.", {
      status: 401,
      type: "invalid_request_error",
      code: "invalid_api_key",
    });
  }

  #has(key: string): boolean {
    const given = digest(key);
    let found = false;
    for (const known of this.#digests) found = timingSafeEqual(known, given) || found;
    return found;
  }
}

function keyOf({ headers }: FastifyRequest): string {
  const { authorization = "", "x-api-key": own } = headers;
  return /^bearer +(\S+) *$/i.exec(authorization)?.[1] ?? (typeof own === "string" ? own : "");
}

function digest(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
