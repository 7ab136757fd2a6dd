import { randomUUID } from "node:crypto";
import cors from "@fastify/cors";
import fastify, { LogController, type FastifyReply, type FastifyRequest, type FastifyServerOptions } from "fastify";
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from "fastify-type-provider-zod";
import { ApiError } from "../errors/api-error.js";
import { apiErrorOf } from "../errors/api-error-of.js";
import { errorBody } from "../errors/error-body.js";
import type { ServerContext } from "../server-context.js";
import type { CheckedServerOptions } from "../server-options.js";
import { withoutOwner } from "../sessions/owned-session.js";
import type { App } from "./app.js";
import { answerClientError } from "./client-error.js";
import { ignoredFields, ignoredHeader } from "./ignored-fields.js";
import { readJsonBodies } from "./json-body.js";
import { logRequests } from "./request-log.js";

/** A web application with its limits, keys and errors, and without routes. */
export async function createApplication(context: ServerContext): Promise<App> {
  const { options } = context;
  const app = createFastify(context).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.decorateRequest("answerLog");
  app.decorateRequest("givenBody");
  app.decorateRequest("keyOwner", "");
  readJsonBodies(app);
  if (options.corsOrigins.length > 0) {
    const origin = options.corsOrigins.includes("*") ? "*" : [...options.corsOrigins];
    await app.register(cors, { origin, methods: ["GET", "HEAD", "POST", "DELETE"], exposedHeaders: ["x-request-id", "x-elastic-ignored", "retry-after"] });
  }
  app.addHook("onRequest", async (request, reply) => {
    request.answerLog = {};
    reply.header("x-request-id", request.id);
    // The name that Anthropic's clients know.
    if (request.url.startsWith("/v1/messages")) reply.header("request-id", request.id);
    const { isOpen, generates } = request.routeOptions.config;
    if (isOpen !== true) request.keyOwner = context.keys.require(request);
    // Before the body is read: whoever is refused is told at once.
    if (generates === true) context.gate.requireRoom();
  });
  app.addHook("preValidation", async (request) => {
    request.givenBody = request.body;
  });
  app.addHook("preHandler", async (request, reply) => {
    const ignored = ignoredFields(request.givenBody, request.body);
    request.givenBody = undefined;
    if (ignored.length > 0) reply.header("x-elastic-ignored", ignoredHeader(ignored));
  });
  app.setErrorHandler((error, request, reply) => sendError(context, error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const error = new ApiError(`There is no ${request.method} ${request.url.split("?")[0]!.slice(0, 200)}.`, { status: 404, type: "invalid_request_error", code: "not_found" });
    return sendError(context, error, request, reply);
  });
  logRequests(app, context);
  return app;
}

/** What a client may name its request. */
const requestId = /^[\w-]{1,64}$/;

function createFastify(context: ServerContext) {
  const { options, live } = context;
  const { isBehindProxy, bodyLimitBytes, requestTimeoutMilliseconds, idleTimeoutMilliseconds, logger, tls } = options;
  const settings: FastifyServerOptions = {
    ...(isBehindProxy ? { trustProxy: "loopback" } : {}),
    bodyLimit: bodyLimitBytes,
    // Names of sessions, each character of which may be written as nine.
    routerOptions: { maxParamLength: 2000 },
    requestTimeout: requestTimeoutMilliseconds,
    keepAliveTimeout: idleTimeoutMilliseconds,
    // Running answers end; connections without one are closed.
    forceCloseConnections: "idle",
    // A path that cannot be decoded.
    frameworkErrors: (error, request, reply) => void sendError(context, error, request, reply),
    clientErrorHandler: answerClientError,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "id" }),
    genReqId: ({ headers: { "x-request-id": given } }) => (typeof given === "string" && requestId.test(given) && !live.has(given) ? given : randomUUID()),
    ...(logger === undefined ? { logger: false } : { loggerInstance: logger }),
  };
  const timeouts = connectionTimeouts(options);
  const instance = tls === undefined ? fastify({ ...settings, http: timeouts }) : fastify({ ...settings, https: { ...timeouts, ...tls } } as FastifyServerOptions);
  return instance;
}

/** A client that sends nothing, or never ends its headers, is cut off soon after its time is over. */
export function connectionTimeouts({ requestTimeoutMilliseconds: most }: Pick<CheckedServerOptions, "requestTimeoutMilliseconds">) {
  return { headersTimeout: most, connectionsCheckingInterval: Math.min(5000, most) };
}

function sendError(context: ServerContext, thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = apiErrorOf(thrown);
  error.message = withoutOwner(error.message, request.keyOwner);
  const { status, retryAfterSeconds } = error.details;
  context.metrics.rejected(status);
  if (status >= 500) request.log.error({ err: thrown }, "a request failed");
  if (retryAfterSeconds !== undefined) reply.header("retry-after", String(retryAfterSeconds));
  request.answerLog = { answer: { ...request.answerLog?.answer, error: error.message.split("\n")[0] } };
  return reply.code(status).type("application/json; charset=utf-8").send(errorBody(request.url, error));
}
