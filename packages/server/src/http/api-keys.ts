import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyRequest } from "fastify";
import { ApiError } from "../errors/api-error.js";

/** The keys that open a server. Comparing takes the same time whatever was given: digests of one length, and all of them. */
export class ApiKeys {
  readonly #digests: readonly Buffer[];

  constructor(keys: readonly string[]) {
    this.#digests = keys.map(digest);
  }

  /**
   * Where there are keys, a request has to bring one: as bearer token, or in `x-api-key`.
   *
   * @returns a name for whoever has the key, from which the key cannot be told; empty where there are no keys
   * @throws ApiError 401
   */
  require(request: FastifyRequest): string {
    if (this.#digests.length === 0) return "";
    const given = digest(keyOf(request));
    if (this.#has(given)) return given.toString("hex").slice(0, 16);
    throw new ApiError("The API key is missing or wrong. Send it as `Authorization: Bearer KEY` or `x-api-key: KEY`.", {
      status: 401,
      type: "invalid_request_error",
      code: "invalid_api_key",
    });
  }

  #has(given: Buffer): boolean {
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
