import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import type { Engine } from "@elastic-attention/generation";
import { messagesRoutes } from "./anthropic/messages-route.js";
import { AnswerMarkers } from "./answer/answer-markers.js";
import type { App } from "./http/app.js";
import { ApiKeys } from "./http/api-keys.js";
import { createApplication } from "./http/application.js";
import { describeRoutes } from "./http/openapi.js";
import { listen } from "./http/listen.js";
import { pageRoutes } from "./http/page-routes.js";
import { StreamPace } from "./http/stream-pace.js";
import { systemRoutes } from "./http/system-routes.js";
import { tokenizerRoutes } from "./http/tokenizer-routes.js";
import { LiveRequests } from "./live/live-requests.js";
import { liveRoutes } from "./live/live-routes.js";
import { chatRoute } from "./openai/chat/chat-route.js";
import { completionRoute } from "./openai/completion-route.js";
import { modelsRoute } from "./openai/models-route.js";
import { responsesRoute } from "./openai/responses/responses-route.js";
import { EngineHealth } from "./operation/engine-health.js";
import { ServerMetrics } from "./operation/metrics.js";
import { RequestGate } from "./operation/request-gate.js";
import type { ServerContext } from "./server-context.js";
import { sessionRoutes } from "./sessions/session-routes.js";
import { checkServerOptions, type ServerOptions } from "./server-options.js";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

/** A server that listens. The engine stays the caller's. */
export class ElasticServer implements AsyncDisposable {
  #closed: Promise<void> | undefined;

  /** @internal */
  constructor(
    private readonly app: App,
    private readonly context: ServerContext,
  ) {}

  /** Where it listens: "http://127.0.0.1:8080". */
  get url(): string {
    const { address, family, port } = this.app.server.address() as AddressInfo;
    const host = family === "IPv6" ? `[${address}]` : address;
    return `${this.context.options.tls === undefined ? "http" : "https"}://${host}:${port}`;
  }

  /** Requests that run or wait. */
  get running(): number {
    return this.context.gate.inside;
  }

  /**
   * Stops: /ready says 503, nothing new is taken, running answers end or, after `drainMilliseconds`, are cut off.
   *
   * @param signal cuts running answers off at once
   */
  close(signal?: AbortSignal): Promise<void> {
    this.#closed ??= this.#close(signal);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(signal: AbortSignal | undefined): Promise<void> {
    this.context.isDraining = true;
    const cut = () => this.app.server.closeAllConnections();
    const deadline = setTimeout(cut, this.context.options.drainMilliseconds);
    signal?.addEventListener("abort", cut, { once: true });
    if (signal?.aborted === true) cut();
    try {
      await this.#answersEnded();
      await this.app.close();
    } finally {
      clearTimeout(deadline);
      signal?.removeEventListener("abort", cut);
      this.context.health.close();
    }
  }

  /** The socket stays open meanwhile, so that probes are answered. */
  async #answersEnded(): Promise<void> {
    while (this.running > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * Serves an engine over HTTP until it is closed.
 *
 * @throws InvalidRequestError for an option out of range; ElasticAttentionError for an address that cannot be listened on
 */
export async function startServer(engine: Engine, options: ServerOptions = {}): Promise<ElasticServer> {
  const checked = checkServerOptions(options);
  const modelId = checked.modelId ?? engine.model.name;
  const context: ServerContext = {
    engine,
    options: checked,
    modelId,
    created: Math.floor(Date.now() / 1000),
    keys: new ApiKeys(checked.apiKeys),
    gate: new RequestGate(checked.maximumRunning, checked.maximumQueue),
    health: new EngineHealth(engine, checked.onDeviceLost),
    metrics: new ServerMetrics(engine, modelId),
    markers: new AnswerMarkers(engine),
    live: new LiveRequests(engine),
    pace: new StreamPace(checked.gatherMilliseconds),
    isDraining: false,
  };
  const app = await createApplication(context);
  await describeRoutes(app, version);
  for (const routes of [systemRoutes, modelsRoute, chatRoute, completionRoute, responsesRoute, messagesRoutes, tokenizerRoutes, liveRoutes, sessionRoutes]) routes(app, context);
  if (checked.page !== undefined) await pageRoutes(app, checked.page);
  await listen(app, checked);
  return new ElasticServer(app, context);
}
