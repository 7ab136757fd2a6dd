import type { ServerContext } from "../server-context.js";
import type { App } from "./app.js";

/** Probes and figures. */
export function systemRoutes(app: App, context: ServerContext): void {
  const { health, metrics } = context;
  const open = { config: { isOpen: true } };
  app.get("/health", { ...open, schema: { tags: ["Operation"], summary: "Whether the process and its engine live" } }, (_request, reply) =>
    reply.code(health.isHealthy ? 200 : 503).send({ status: health.isHealthy ? "ok" : "engine is starting again" }),
  );
  app.get("/ready", { ...open, schema: { tags: ["Operation"], summary: "Whether requests are taken" } }, (_request, reply) => {
    const status = context.isDraining ? "draining" : health.isHealthy ? "ready" : "engine is starting again";
    return reply.code(status === "ready" ? 200 : 503).send({ status });
  });
  app.get("/metrics", { schema: { tags: ["Operation"], summary: "Figures for Prometheus" } }, async (request, reply) => {
    if (request.headers.accept === "application/json") return reply.send(await metrics.data());
    return reply.type(metrics.contentType).send(await metrics.text());
  });
}
