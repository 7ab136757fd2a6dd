// The program of an engine's worker thread.
import { parentPort, workerData } from "node:worker_threads";
import { recordError } from "@elastic-attention/core";
import { LocalEngine } from "../local-engine.js";
import type { FromWorker, ToWorker, WorkerSettings } from "./engine-messages.js";

const port = parentPort;
if (port === null) throw new Error("This module runs in a worker thread; use WorkerEngine.");

const send = (message: FromWorker) => port.postMessage(message);
const running = new Map<number, AbortController>();

async function load({ setup, path, backend, ...options }: WorkerSettings): Promise<LocalEngine> {
  for (const module of setup) {
    const { default: register } = (await import(module)) as { default: () => void | Promise<void> };
    await register();
  }
  return LocalEngine.load({
    path,
    backend,
    ...options,
    onProgress: (layersDone, layersTotal) => send({ type: "progress", layersDone, layersTotal }),
  });
}

async function generate(engine: LocalEngine, { id, request }: Extract<ToWorker, { type: "generate" }>): Promise<void> {
  const controller = new AbortController();
  running.set(id, controller);
  try {
    for await (const event of engine.generate({ ...request, signal: controller.signal })) send({ type: "event", id, event });
    send({ type: "end", id });
  } catch (error) {
    send({ type: "end", id, error: recordError(error) });
  } finally {
    running.delete(id);
  }
}

async function answer(engine: LocalEngine, message: ToWorker): Promise<void> {
  switch (message.type) {
    case "generate":
      return generate(engine, message);
    case "abort":
      running.get(message.id)?.abort();
      return;
    case "tokenize":
      try {
        send({ type: "tokens", id: message.id, tokens: await engine.tokenize(message.input) });
      } catch (error) {
        send({ type: "end", id: message.id, error: recordError(error) });
      }
      return;
    case "close-session":
      await engine.closeSession(message.name);
      send({ type: "end", id: message.id });
      return;
    case "report":
      send({ type: "report", id: message.id, report: await engine.report() });
      return;
    case "dispose":
      await engine[Symbol.asyncDispose]();
      // Without a listener nothing keeps the thread alive.
      port!.close();
  }
}

try {
  const engine = await load(workerData as WorkerSettings);
  port.on("message", (message: ToWorker) => void answer(engine, message));
  send({ type: "loaded", model: engine.model });
} catch (error) {
  send({ type: "failed", error: recordError(error) });
}
