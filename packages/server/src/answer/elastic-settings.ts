import type { IncomingHttpHeaders } from "node:http";
import type { GenerationRequest } from "@elastic-attention/generation";
import { z } from "zod";
import { ApiError } from "../errors/api-error.js";
import { ownedSession } from "../sessions/owned-session.js";

/** How a request's heads are routed: the field `elastic` of a body. */
export const elasticSchema = z
  .object({
    mode: z.string().max(200).nullish().describe("fa-ssa, fa-xa, xa-ssa, full, or a mode that the server's modules brought"),
    sparsity: z.number().min(0).max(1).nullish().describe("target share of sparse heads"),
    decode: z.enum(["routed", "full"]).nullish().describe("whether sparse heads drop keys and values while they decode"),
    session: z.string().min(1).max(200).nullish().describe("name of a conversation whose keys and values are kept between its turns"),
    reroute: z.boolean().nullish().describe("read the whole prompt again, with new routing"),
    record: z.boolean().nullish().describe("keep the text of the prompt's tokens for /v1/elastic/requests/:id"),
    prefix: z.enum(["reuse", "pin", "none"]).nullish().describe("what the prefix cache does with this prompt"),
  })
  .describe("How the key-value heads of this request are routed");

export type ElasticSettings = z.infer<typeof elasticSchema>;

type RoutingSettings = Pick<GenerationRequest, "mode" | "sparsity" | "router" | "decode" | "session" | "reroute" | "prefix">;

/** Headers for clients that cannot add fields; the body overrides them. @throws ApiError 400 naming the header */
export function elasticHeaders(headers: IncomingHttpHeaders): ElasticSettings {
  const header = (name: keyof ElasticSettings) => headers[`x-elastic-${name}`] as string | undefined;
  const sparsity = header("sparsity");
  const reroute = header("reroute");
  const given = {
    mode: header("mode"),
    sparsity: sparsity === undefined ? undefined : numberOf(sparsity),
    decode: header("decode"),
    session: header("session"),
    reroute: reroute === undefined ? undefined : (({ true: true, false: false }) as Readonly<Record<string, boolean>>)[reroute] ?? reroute,
    prefix: header("prefix"),
  };
  const result = elasticSchema.safeParse(given);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw ApiError.invalid(`x-elastic-${path.join(".")}`, `The header x-elastic-${path.join(".")}: ${message}`);
}

/** What of an HTTP request, besides its body, says how heads are routed. */
export interface RoutingSource {
  readonly headers: IncomingHttpHeaders;
  /** Whose key it brought; empty where there are no keys. */
  readonly keyOwner: string;
}

/** The part of an engine's request that says how heads are routed. @throws ApiError 400 for what cannot be honoured */
export function routingOf(body: ElasticSettings | null | undefined, { headers, keyOwner }: RoutingSource, byDefault: RoutingSettings): RoutingSettings {
  const fromHeaders = elasticHeaders(headers);
  const setting = <Key extends keyof ElasticSettings>(key: Key) => body?.[key] ?? fromHeaders[key] ?? undefined;
  const [mode, sparsity, decode, session, reroute, prefix] = [setting("mode"), setting("sparsity"), setting("decode"), setting("session"), setting("reroute"), setting("prefix")];
  return {
    ...byDefault,
    ...(mode === undefined ? {} : { mode }),
    ...(sparsity === undefined ? {} : { sparsity }),
    ...(decode === undefined ? {} : { decode }),
    ...(session === undefined ? {} : { session: ownedSession(keyOwner, session) }),
    ...(reroute === undefined ? {} : { reroute }),
    ...(prefix === undefined ? {} : { prefix }),
  };
}

function numberOf(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text);
}
