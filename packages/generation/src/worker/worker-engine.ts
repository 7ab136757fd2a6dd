import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { DisposedError, EngineWorkerError, InvalidRequestError } from "@elastic-attention/core";
import type { Engine, EngineReport, ModelDescription } from "../engine.js";
import type { GenerationEvent, GenerationRequest } from "../generation-request.js";
import type { FromWorker, ToWorker, WorkerSettings } from "./engine-messages.js";
import { errorOfWorker } from "./error-of-worker.js";

export interface WorkerEngineOptions extends WorkerSettings {
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  /** Stops the loading. */
  readonly signal?: AbortSignal;
}

/** A message that belongs to a call. */
type Answer = Extract<FromWorker, { readonly id: number }>;

/** Where the messages of one call go. */
interface Call {
  receive(message: Answer): void;
  fail(error: Error): void;
}

/** The engine in a worker thread of its own: the caller's event loop never waits for a layer. */
export class WorkerEngine implements Engine {
  readonly #calls = new Map<number, Call>();
  readonly #exited: Promise<void>;
  #nextId = 1;
  #ended: Error | undefined;

  private constructor(
    readonly model: ModelDescription,
    private readonly worker: Worker,
  ) {
    worker.on("message", (message: FromWorker) => {
      if ("id" in message) this.#calls.get(message.id)?.receive(message);
    });
    this.#exited = new Promise((resolve) => worker.once("exit", () => resolve()));
    worker.once("exit", () => this.#end(new EngineWorkerError("The engine's worker thread has ended.")));
    worker.once("error", (error) => this.#end(new EngineWorkerError("The engine's worker thread failed.", { cause: error })));
  }

  /**
   * Starts the thread and loads the model in it.
   *
   * @throws the errors of `LocalEngine.load`; EngineWorkerError when the thread does not start; the signal's reason
   */
  static async load({ onProgress, signal, ...settings }: WorkerEngineOptions): Promise<WorkerEngine> {
    signal?.throwIfAborted();
    const program = createRequire(import.meta.url).resolve("@elastic-attention/generation/worker");
    const worker = new Worker(program, { workerData: settings });
    try {
      return new WorkerEngine(await loaded(worker, onProgress, signal), worker);
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  async *generate(request: GenerationRequest): AsyncGenerator<GenerationEvent, void, undefined> {
    this.#requireAlive();
    const { signal, router, ...shared } = request;
    if (router !== undefined && typeof router !== "string") throw new InvalidRequestError("A router cannot cross threads.", "Use LocalEngine, the name of a registered router, or mode and sparsity.");
    const rest = router === undefined ? shared : { ...shared, router };
    const id = this.#nextId++;
    const queue: GenerationEvent[] = [];
    let state: { readonly error?: Error } | undefined;
    let wake: (() => void) | undefined;
    this.#calls.set(id, {
      receive: (message) => {
        if (message.type === "event") queue.push(message.event);
        else state = message.type === "end" && message.error !== undefined ? { error: errorOfWorker(message.error) } : {};
        wake?.();
      },
      fail: (error) => {
        state = { error };
        wake?.();
      },
    });
    const abort = () => this.#send({ type: "abort", id });
    signal?.addEventListener("abort", abort);
    this.#send({ type: "generate", id, request: rest });
    if (signal?.aborted) abort();
    try {
      for (;;) {
        for (let event = queue.shift(); event !== undefined; event = queue.shift()) yield event;
        if (state !== undefined) {
          if (state.error !== undefined) throw state.error;
          return;
        }
        await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#calls.delete(id);
      if (state === undefined) this.#send({ type: "abort", id });
    }
  }

  async tokenize(input: Pick<GenerationRequest, "prompt" | "messages" | "chatTemplate">): Promise<Int32Array> {
    const answer = await this.#ask((id) => ({ type: "tokenize", id, input }));
    if (answer.type !== "tokens") throw new EngineWorkerError(`The engine answered a text with "${answer.type}".`);
    return answer.tokens;
  }

  async closeSession(name: string): Promise<void> {
    await this.#ask((id) => ({ type: "close-session", id, name }));
  }

  async report(): Promise<EngineReport> {
    const answer = await this.#ask((id) => ({ type: "report", id }));
    if (answer.type !== "report") throw new EngineWorkerError(`The engine answered a question with "${answer.type}".`);
    return answer.report;
  }

  /** Running requests fail with DisposedError; resolves when the thread has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end(new DisposedError("The engine"));
    await this.#exited;
  }

  #requireAlive(): void {
    if (this.#ended !== undefined) throw this.#ended;
  }

  /** One message and its one answer. */
  async #ask(question: (id: number) => ToWorker): Promise<Answer> {
    this.#requireAlive();
    const id = this.#nextId++;
    try {
      return await new Promise<Answer>((resolve, reject) => {
        this.#calls.set(id, {
          receive: (message) => {
            if (message.type === "end" && message.error !== undefined) reject(errorOfWorker(message.error));
            else resolve(message);
          },
          fail: reject,
        });
        this.#send(question(id));
      });
    } finally {
      this.#calls.delete(id);
    }
  }

  #send(message: ToWorker): void {
    // A thread that has ended takes no messages; its calls have failed already.
    this.worker.postMessage(message);
  }

  #end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    for (const call of this.#calls.values()) call.fail(error);
    this.#calls.clear();
    this.#send({ type: "dispose" });
  }
}

/** Waits until the thread has loaded its model. Its own listeners are removed again, each by itself: Node's stay. */
async function loaded(
  worker: Worker,
  onProgress: WorkerEngineOptions["onProgress"],
  signal: AbortSignal | undefined,
): Promise<ModelDescription> {
  const { promise, resolve, reject } = deferred<ModelDescription>();
  const listeners = {
    message: (message: FromWorker) => {
      if (message.type === "progress") onProgress?.(message.layersDone, message.layersTotal);
      else if (message.type === "loaded") resolve(message.model);
      else if (message.type === "failed") reject(errorOfWorker(message.error));
    },
    error: (cause: Error) => reject(new EngineWorkerError("The engine's worker thread did not start.", { cause })),
    exit: () => reject(new EngineWorkerError("The engine's worker thread ended while it loaded.")),
  };
  const abort = () => reject(signal!.reason as Error);
  for (const [event, listener] of Object.entries(listeners)) worker.on(event, listener);
  signal?.addEventListener("abort", abort);
  try {
    return await promise;
  } finally {
    for (const [event, listener] of Object.entries(listeners)) worker.off(event, listener);
    signal?.removeEventListener("abort", abort);
  }
}

function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
