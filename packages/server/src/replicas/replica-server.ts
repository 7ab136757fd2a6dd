import { randomUUID } from "node:crypto";
import type { AddressInfo } from "node:net";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type FastifyServerOptions } from "fastify";
import { AggregatorRegistry } from "prom-client";
import { ApiError } from "../errors/api-error.js";
import { apiErrorOf } from "../errors/api-error-of.js";
import { errorBody } from "../errors/error-body.js";
import { clientGone } from "../http/client-gone.js";
import { listen } from "../http/listen.js";
import { ApiKeys } from "../http/api-keys.js";
import { connectionTimeouts } from "../http/application.js";
import { answerClientError } from "../http/client-error.js";
import { RequestGate } from "../operation/request-gate.js";
import { checkServerOptions, type CheckedServerOptions, type ServerOptions } from "../server-options.js";
import { askReplica, passOn, wasNotSent } from "./forward.js";
import { PrefixAffinity } from "./prefix-affinity.js";
import { ReplicaProcess, type ReplicaProgram } from "./replica-process.js";
import { requestKey } from "./request-key.js";

/** Where the door is, and how much is let in; what else a server does its replicas do. */
export interface ReplicaOptions
  extends Pick<
    ServerOptions,
    "host" | "port" | "tls" | "apiKeys" | "maximumRunning" | "maximumQueue" | "bodyLimitBytes" | "requestTimeoutMilliseconds" | "idleTimeoutMilliseconds" | "drainMilliseconds"
  > {
  /** How each replica is started. */
  readonly programs: readonly ReplicaProgram[];
  /** Told when a replica ended without being told to. */
  readonly onEnd?: (replica: number, code: number | null) => void;
}

/** Requests whose replica is known, so that it can be asked about them; sessions too. */
const mostRemembered = 10_000;

/** Replicas of one model behind one port: a conversation stays with the replica that has read it. */
export class ReplicaServer implements AsyncDisposable {
  readonly #app: FastifyInstance;
  readonly #replicas: readonly ReplicaProcess[];
  readonly #affinity = new PrefixAffinity();
  readonly #sessions = new Map<string, number>();
  readonly #requests = new Map<string, number>();
  readonly #gate: RequestGate;
  readonly #keys: ApiKeys;
  readonly #options: CheckedServerOptions;
  #closed: Promise<void> | undefined;
  #running = 0;

  private constructor({ programs, onEnd, ...options }: ReplicaOptions) {
    this.#options = checkServerOptions(options);
    this.#replicas = programs.map((program, index) => {
      return new ReplicaProcess(program, (code) => {
        this.#affinity.forget(index);
        onEnd?.(index, code);
      });
    });
    const { maximumRunning, maximumQueue, bodyLimitBytes, requestTimeoutMilliseconds, idleTimeoutMilliseconds, tls } = this.#options;
    this.#gate = new RequestGate(maximumRunning * programs.length, maximumQueue * programs.length);
    this.#keys = new ApiKeys(this.#options.apiKeys);
    const settings: FastifyServerOptions = {
      bodyLimit: bodyLimitBytes,
      requestTimeout: requestTimeoutMilliseconds,
      keepAliveTimeout: idleTimeoutMilliseconds,
      forceCloseConnections: "idle",
      genReqId: requestIdOf,
      frameworkErrors: (error, request, reply) => void this.#sendError(error, request, reply),
      clientErrorHandler: answerClientError,
    };
    const http = connectionTimeouts(this.#options);
    this.#app = (tls === undefined ? fastify({ ...settings, http }) : fastify({ ...settings, https: { ...http, ...tls } } as FastifyServerOptions)) as unknown as FastifyInstance;
    this.#route();
  }

  /**
   * Starts every replica, then listens.
   * @throws ElasticAttentionError where one ends before it takes requests, and for an address that cannot be listened on
   */
  static async start(options: ReplicaOptions): Promise<ReplicaServer> {
    const server = new ReplicaServer(options);
    try {
      await Promise.all(server.#replicas.map((replica) => replica.start()));
      await listen(server.#app, server.#options);
      return server;
    } catch (error) {
      for (const replica of server.#replicas) replica.kill();
      throw error;
    }
  }

  get url(): string {
    const { address, family, port } = this.#app.server.address() as AddressInfo;
    return `${this.#options.tls === undefined ? "http" : "https"}://${family === "IPv6" ? `[${address}]` : address}:${port}`;
  }

  /** What clients call the model. */
  get modelId(): string | undefined {
    return this.#replicas[0]?.modelId;
  }

  /** Requests that run or wait. */
  get running(): number {
    return this.#running;
  }

  /** Process ids; undefined for one that is being started. */
  get processIds(): readonly (number | undefined)[] {
    return this.#replicas.map(({ pool, processId }) => (pool === undefined ? undefined : processId));
  }

  /** Nothing new is taken; running answers end, or are cut off after `drainMilliseconds`; then the replicas stop. */
  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const stopping = this.#replicas.map((replica) => replica.stop());
    const deadline = setTimeout(() => {
      this.#app.server.closeAllConnections();
      for (const replica of this.#replicas) replica.kill();
    }, this.#options.drainMilliseconds);
    try {
      await Promise.all(stopping);
      await this.#app.close();
    } finally {
      clearTimeout(deadline);
    }
  }

  #route(): void {
    const app = this.#app;
    app.removeAllContentTypeParsers();
    app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
    app.setErrorHandler((error, request, reply) => this.#sendError(error, request, reply));
    app.addHook("onRequest", async (request) => {
      // Before a body is read.
      if (request.method !== "POST") return;
      if (this.#closed !== undefined) throw new ApiError("The server is stopping.", { status: 503, type: "server_error", code: "draining", retryAfterSeconds: 5 });
      this.#keys.require(request);
      this.#gate.requireRoom();
    });
    const isUp = () => this.#replicas.some(({ pool }) => pool !== undefined);
    app.get("/health", (_request, reply) => reply.code(isUp() ? 200 : 503).send({ status: isUp() ? "ok" : "engine is starting again", replicas: this.#replicas.map(({ pool }) => (pool === undefined ? "starting" : "ok")) }));
    app.get("/ready", (_request, reply) => {
      const status = this.#closed !== undefined ? "draining" : isUp() ? "ready" : "engine is starting again";
      return reply.code(status === "ready" ? 200 : 503).send({ status });
    });
    app.get("/metrics", (request, reply) => this.#metrics(request, reply));
    app.get("/v1/elastic/requests", (request, reply) => this.#latest(request, reply));
    app.all("/*", (request, reply) => this.#forward(request, reply));
  }

  async #forward(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const body = Buffer.isBuffer(request.body) ? request.body : undefined;
    const { session, prompt } = requestKey(request.url, request.headers, body);
    const asked = /^\/v1\/elastic\/requests\/(?:chatcmpl-|cmpl-|resp_|msg_)?([\w-]+)/.exec(request.url)?.[1];
    const bound = asked === undefined ? (session === undefined ? undefined : this.#sessions.get(session)) : this.#requests.get(asked);
    const signal = clientGone(request, reply);
    const leave = request.method === "POST" ? this.#gate.enter() : () => {};
    this.#running += 1;
    const ended = () => {
      leave();
      this.#running -= 1;
    };
    try {
      const tried: number[] = [];
      for (;;) {
        const index = this.#choose(prompt, bound, tried);
        const replica = this.#replicas[index]!;
        replica.load += 1;
        const answer = await askReplica(replica, request, signal).catch((error: unknown) => error as Error);
        const refuses = answer instanceof Error ? wasNotSent(answer) : [429, 503].includes(answer.statusCode);
        if (!(answer instanceof Error) && !(refuses && this.#mayGoElsewhere(bound, tried, signal))) {
          this.#remember(request.id, session, prompt, index);
          return passOn(answer, request, reply, () => {
            replica.load -= 1;
            ended();
          });
        }
        replica.load -= 1;
        if (!(answer instanceof Error)) await answer.body.dump();
        else if (!refuses || !this.#mayGoElsewhere(bound, tried, signal)) throw answer;
        tried.push(index);
      }
    } catch (error) {
      ended();
      throw error;
    }
  }

  /** One that refuses has computed nothing: another may have room, but for a session, which only one holds. */
  #mayGoElsewhere(bound: number | undefined, tried: readonly number[], signal: AbortSignal): boolean {
    return bound === undefined && tried.length + 1 < this.#replicas.length && !signal.aborted;
  }

  /** @throws ApiError 503 */
  #choose(prompt: string, bound: number | undefined, tried: readonly number[]): number {
    const loads = this.#loads.map((load, index) => (tried.includes(index) ? undefined : load));
    const chosen = bound !== undefined && loads[bound] !== undefined ? bound : this.#affinity.choose(prompt, loads);
    if (chosen !== undefined) return chosen;
    throw new ApiError("No process that computes is there; they are started again.", { status: 503, type: "server_error", code: "engine_unavailable", retryAfterSeconds: 5 });
  }

  get #loads(): readonly (number | undefined)[] {
    return this.#replicas.map(({ pool, load }) => (pool === undefined ? undefined : load));
  }

  #remember(id: string, session: string | undefined, prompt: string, replica: number): void {
    this.#affinity.remember(prompt, replica);
    keepLast(this.#requests, id, replica);
    if (session !== undefined) keepLast(this.#sessions, session, replica);
  }

  /** Every replica's figures, added up. */
  async #metrics(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const figures = await this.#ofAll<object[]>(request, { accept: "application/json" });
    const registry = AggregatorRegistry.aggregate(figures);
    return reply.type(registry.contentType).send(await registry.metrics());
  }

  async #latest(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const lists = await this.#ofAll<{ readonly data: readonly { readonly created: number }[] }>(request, {});
    return reply.send({ object: "list", data: lists.flatMap(({ data }) => data).toSorted((a, b) => b.created - a.created) });
  }

  /** What each replica that is there answers to a question. @throws ApiError with the status of one that refuses */
  async #ofAll<Answer>(request: FastifyRequest, headers: Record<string, string>): Promise<Answer[]> {
    const { authorization, "x-api-key": key } = request.headers;
    const keys = { ...(authorization === undefined ? {} : { authorization }), ...(typeof key === "string" ? { "x-api-key": key } : {}) };
    const there = this.#replicas.flatMap(({ pool }) => (pool === undefined ? [] : [pool]));
    return Promise.all(
      there.map(async (pool) => {
        const { statusCode, body } = await pool.request({ path: request.raw.url!, method: "GET", headers: { ...keys, ...headers } });
        const answer: unknown = await body.json();
        if (statusCode === 200) return answer as Answer;
        const { error } = answer as { readonly error: { readonly message: string; readonly type: string; readonly code: string | null } };
        throw new ApiError(error.message, { status: statusCode, type: error.type, ...(error.code === null ? {} : { code: error.code }) });
      }),
    );
  }

  #sendError(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const error = apiErrorOf(thrown);
    const { status, retryAfterSeconds } = error.details;
    if (retryAfterSeconds !== undefined) reply.header("retry-after", String(retryAfterSeconds));
    return reply.code(status).header("x-request-id", request.id).type("application/json; charset=utf-8").send(errorBody(request.url, error));
  }
}

function requestIdOf({ headers: { "x-request-id": given } }: { readonly headers: Readonly<Record<string, string | string[] | undefined>> }): string {
  return typeof given === "string" && /^[\w-]{1,64}$/.test(given) ? given : randomUUID();
}

function keepLast(map: Map<string, number>, key: string, value: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= mostRemembered) break;
    map.delete(oldest);
  }
}
