import { DisposedError, EngineWorkerError, InvalidRequestError } from "@elastic-attention/core";
import type { Engine, EngineReport, ModelDescription } from "../engine.js";
import { EventQueue } from "../answer/event-queue.js";
import type { GenerationEvent, GenerationRequest } from "../request/generation-request.js";
import { abortedEvents } from "../request/routing-report.js";
import { type CallMessage, mostSentEvents, type Question, type WorkerSettings } from "./engine-messages.js";
import { errorOfWorker } from "./error-of-worker.js";
import { type LoadOptions, WorkerThread } from "./worker-thread.js";

export interface WorkerEngineOptions extends WorkerSettings {
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  /** Stops the loading. */
  readonly signal?: AbortSignal;
}

/**
 * The engine in a worker thread of its own: the caller's event loop never waits for a layer. When the thread dies, its
 * requests fail with EngineWorkerError, and the next one starts another thread, which loads the model again.
 */
export class WorkerEngine implements Engine {
  /** Aborts the loading of a thread. */
  readonly #disposal = new AbortController();
  #model: ModelDescription | undefined;
  #thread: Promise<WorkerThread> | undefined;
  #disposed: Promise<void> | undefined;

  private constructor(private readonly settings: WorkerSettings) {}

  /**
   * Starts the thread and loads the model in it.
   *
   * @throws the errors of `LocalEngine.load`; EngineWorkerError when the thread does not start; the signal's reason
   */
  static async load({ onProgress, signal, ...settings }: WorkerEngineOptions): Promise<WorkerEngine> {
    const engine = new WorkerEngine(settings);
    engine.#model = (await engine.#open({ onProgress, signal })).model;
    return engine;
  }

  get model(): ModelDescription {
    return this.#model!;
  }

  async *generate(request: GenerationRequest): AsyncGenerator<GenerationEvent, void, undefined> {
    this.#requireAlive();
    const { signal, router, onAccepted, ...shared } = request;
    if (router !== undefined && typeof router !== "string") {
      throw new InvalidRequestError("A router cannot cross threads.", "Use LocalEngine, the name of a registered router, or mode and sparsity.");
    }
    const rest = router === undefined ? shared : { ...shared, router };
    if (signal?.aborted) {
      yield* abortedEvents(request);
      return;
    }
    const thread = await this.#open();
    let unreported = 0;
    const events = new EventQueue<GenerationEvent>(() => {
      unreported += 1;
      if (unreported < mostSentEvents / 2) return;
      thread.send({ type: "read", id, events: unreported });
      unreported = 0;
    });
    let isOver = false;
    const receive = (message: CallMessage) => {
      if (message.type === "event") return events.push(message.event);
      if (message.type === "accepted") return onAccepted?.(message.promptTokens);
      isOver = true;
      if (message.type === "end" && message.error !== undefined) events.fail(errorOfWorker(message.error));
      else events.end();
    };
    const id = thread.open((number) => ({ type: "generate", id: number, request: rest }), { receive, fail: (error) => events.fail(error) });
    const abort = () => thread.send({ type: "abort", id });
    signal?.addEventListener("abort", abort);
    // It may have come while a thread was started.
    if (signal?.aborted) abort();
    try {
      // Without yield*, which waits for each event three times.
      for (let event = await events.next(); event !== undefined; event = await events.next()) yield event;
    } finally {
      signal?.removeEventListener("abort", abort);
      thread.close(id);
      if (!isOver) abort();
    }
  }

  async tokenize(input: Pick<GenerationRequest, "prompt" | "messages" | "chatTemplate">): Promise<Int32Array> {
    return (await this.#ask("tokens", (id) => ({ type: "tokenize", id, input }))).tokens;
  }

  async render(input: Required<Pick<GenerationRequest, "messages">> & Pick<GenerationRequest, "chatTemplate">): Promise<string> {
    return (await this.#ask("text", (id) => ({ type: "render", id, input }))).text;
  }

  async pieces(tokens: Int32Array): Promise<readonly string[]> {
    return (await this.#ask("pieces", (id) => ({ type: "pieces", id, tokens }))).pieces;
  }

  async detokenize(tokens: Int32Array): Promise<string> {
    return (await this.#ask("text", (id) => ({ type: "detokenize", id, tokens }))).text;
  }

  async closeSession(name: string): Promise<void> {
    await this.#ask("end", (id) => ({ type: "close-session", id, name }));
  }

  async saveSession(name: string, folder: string): Promise<void> {
    await this.#ask("end", (id) => ({ type: "save-session", id, name, folder }));
  }

  async restoreSession(name: string, folder: string): Promise<void> {
    await this.#ask("end", (id) => ({ type: "restore-session", id, name, folder }));
  }

  async clearPrefixCache(): Promise<void> {
    await this.#ask("end", (id) => ({ type: "clear-prefix-cache", id }));
  }

  async report(): Promise<EngineReport> {
    return (await this.#ask("report", (id) => ({ type: "report", id }))).report;
  }

  /** Running requests fail with DisposedError; resolves when the thread has ended. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#dispose();
    return this.#disposed;
  }

  async #dispose(): Promise<void> {
    const thread = this.#thread;
    this.#disposal.abort(new DisposedError("The engine"));
    // One that was still loading has been stopped.
    await thread?.then((started) => started.dispose(), () => {});
  }

  #requireAlive(): void {
    if (this.#disposed !== undefined) throw new DisposedError("The engine");
  }

  /** The thread, started again where it has ended. @throws the errors of {@link WorkerEngine.load} */
  #open({ onProgress, signal }: LoadOptions = {}): Promise<WorkerThread> {
    this.#requireAlive();
    if (this.#thread !== undefined) return this.#thread;
    if (this.settings.ranks !== undefined && this.#model !== undefined) {
      throw new EngineWorkerError("The engine's worker thread has ended, and with it the ranks that shared its model.", { hint: "Start the program again." });
    }
    const forget = () => {
      if (this.#thread === starting) this.#thread = undefined;
    };
    const signals = [this.#disposal.signal, ...(signal === undefined ? [] : [signal])];
    const starting = WorkerThread.start(this.settings, { onProgress, signal: AbortSignal.any(signals) }, forget);
    this.#thread = starting;
    // Whoever waits for it gets the error; the next one tries again.
    starting.catch(forget);
    return starting;
  }

  /** One message and its one answer. */
  async #ask<Type extends CallMessage["type"]>(expected: Type, question: (id: number) => Question): Promise<Extract<CallMessage, { type: Type }>> {
    const thread = await this.#open();
    let id: number | undefined;
    try {
      const answer = await new Promise<CallMessage>((resolve, reject) => {
        const receive = (message: CallMessage) => {
          if (message.type === "end" && message.error !== undefined) reject(errorOfWorker(message.error));
          else resolve(message);
        };
        id = thread.open(question, { receive, fail: reject });
      });
      if (answer.type !== expected) throw new EngineWorkerError(`The engine answered with "${answer.type}" where "${expected}" was asked for.`);
      return answer as Extract<CallMessage, { type: Type }>;
    } finally {
      if (id !== undefined) thread.close(id);
    }
  }
}
