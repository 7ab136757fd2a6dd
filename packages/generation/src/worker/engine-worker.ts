// The program of an engine's worker thread.
import { parentPort, workerData } from "node:worker_threads";
import { recordError } from "@elastic-attention/core";
import { LocalEngine } from "../local-engine.js";
import { type CallMessage, type FromWorker, mostSentEvents, type Question, type ToWorker, type WorkerSettings } from "./engine-messages.js";
import { EventCredits } from "./event-credits.js";

const port = parentPort;
if (port === null) throw new Error("This module runs in a worker thread; use WorkerEngine.");

const send = (message: FromWorker) => port.postMessage(message);
const outbox: CallMessage[] = [];

/** Messages of calls go together: a step has one for each of its answers, and each by itself would cost as much as all. */
function answerCall(message: CallMessage): void {
  outbox.push(message);
  // When everybody who has something to say of this step has said it, and before the next one.
  if (outbox.length === 1) process.nextTick(() => send({ type: "calls", messages: outbox.splice(0) }));
}

const running = new Map<number, { readonly controller: AbortController; readonly credits: EventCredits }>();

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

async function generate(engine: LocalEngine, { id, request }: Extract<ToWorker, { type: "generate" }>): Promise<CallMessage> {
  const controller = new AbortController();
  const credits = new EventCredits(mostSentEvents);
  running.set(id, { controller, credits });
  const onAccepted = (promptTokens: number) => answerCall({ type: "accepted", id, promptTokens });
  try {
    for await (const event of engine.generate({ ...request, signal: controller.signal, onAccepted })) {
      // A reader that does not read is not sent more: the engine then waits for it.
      await credits.take();
      answerCall({ type: "event", id, event });
    }
    return { type: "end", id };
  } finally {
    running.delete(id);
  }
}

async function answer(engine: LocalEngine, question: Question): Promise<CallMessage> {
  const { type, id } = question;
  switch (type) {
    case "tokenize":
      return { type: "tokens", id, tokens: await engine.tokenize(question.input) };
    case "render":
      return { type: "text", id, text: await engine.render(question.input) };
    case "pieces":
      return { type: "pieces", id, pieces: await engine.pieces(question.tokens) };
    case "detokenize":
      return { type: "text", id, text: await engine.detokenize(question.tokens) };
    case "close-session":
      await engine.closeSession(question.name);
      return { type: "end", id };
    case "save-session":
      await engine.saveSession(question.name, question.folder);
      return { type: "end", id };
    case "restore-session":
      await engine.restoreSession(question.name, question.folder);
      return { type: "end", id };
    case "clear-prefix-cache":
      await engine.clearPrefixCache();
      return { type: "end", id };
    case "report":
      return { type: "report", id, report: await engine.report() };
  }
}

async function receive(engine: LocalEngine, message: ToWorker): Promise<void> {
  switch (message.type) {
    case "read":
      running.get(message.id)?.credits.give(message.events);
      return;
    case "abort":
      running.get(message.id)?.controller.abort();
      running.get(message.id)?.credits.give(Infinity);
      return;
    case "dispose":
      await engine[Symbol.asyncDispose]();
      // Without a listener nothing keeps the thread alive.
      port!.close();
      return;
    default:
      try {
        answerCall(await (message.type === "generate" ? generate(engine, message) : answer(engine, message)));
      } catch (error) {
        answerCall({ type: "end", id: message.id, error: recordError(error) });
      }
  }
}

try {
  const engine = await load(workerData as WorkerSettings);
  port.on("message", (message: ToWorker) => void receive(engine, message));
  send({ type: "loaded", model: engine.model });
} catch (error) {
  send({ type: "failed", error: recordError(error) });
}
