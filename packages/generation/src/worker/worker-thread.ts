import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { DisposedError, EngineWorkerError, InvalidRequestError } from "@elastic-attention/core";
import type { ModelDescription } from "../engine.js";
import type { CallMessage, FromWorker, ToWorker, WorkerSettings } from "./engine-messages.js";
import { errorOfWorker } from "./error-of-worker.js";

/** What is told while a thread loads its model. */
export interface LoadOptions {
  readonly onProgress?: ((layersDone: number, layersTotal: number) => void) | undefined;
  /** Stops the loading. */
  readonly signal?: AbortSignal | undefined;
}

/** Where the messages of one call go. */
export interface Call {
  receive(message: CallMessage): void;
  fail(error: Error): void;
}

const hint = "Send the request again: the engine starts its thread anew. Sessions have to be read again.";

/** A thread with an engine in it, from its start to its end. */
export class WorkerThread {
  readonly #calls = new Map<number, Call>();
  readonly #exited: Promise<void>;
  #nextId = 1;
  #ended: Error | undefined;
  #model: ModelDescription | undefined;

  private constructor(
    private readonly worker: Worker,
    /** Called once, when the thread takes no more calls. */
    private readonly onEnd: () => void,
  ) {
    worker.on("message", (message: FromWorker) => {
      if (message.type !== "calls") return;
      for (const each of message.messages) this.#calls.get(each.id)?.receive(each);
    });
    this.#exited = new Promise((resolve) => worker.once("exit", () => resolve()));
    worker.once("exit", () => this.#end(new EngineWorkerError("The engine's worker thread has ended.", { hint })));
    const failed = (cause: Error) => this.#end(new EngineWorkerError(`The engine's worker thread failed: ${cause.message}.`, { hint, cause }));
    worker.once("error", failed);
    worker.once("messageerror", failed);
  }

  /**
   * Starts a thread and loads the model in it.
   *
   * @throws the errors of `LocalEngine.load`; EngineWorkerError when the thread does not start; the signal's reason
   */
  static async start(settings: WorkerSettings, { onProgress, signal }: LoadOptions, onEnd: () => void): Promise<WorkerThread> {
    signal?.throwIfAborted();
    const program = createRequire(import.meta.url).resolve("@elastic-attention/generation/worker");
    const worker = new Worker(program, { workerData: settings });
    try {
      const model = await loaded(worker, onProgress, signal);
      const thread = new WorkerThread(worker, onEnd);
      thread.#model = model;
      return thread;
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  get model(): ModelDescription {
    return this.#model!;
  }

  /**
   * Makes a call: its answers go to `call` until {@link close}.
   *
   * @returns the call's id
   * @throws InvalidRequestError for what cannot be sent to a thread; the error that the thread ended with
   */
  open(message: (id: number) => ToWorker, call: Call): number {
    if (this.#ended !== undefined) throw this.#ended;
    const id = this.#nextId++;
    try {
      this.worker.postMessage(message(id));
    } catch (error) {
      throw new InvalidRequestError(`The request cannot be sent to the engine's thread: ${(error as Error).message}`, "Give plain data only.");
    }
    this.#calls.set(id, call);
    return id;
  }

  /** Forgets a call. */
  close(id: number): void {
    this.#calls.delete(id);
  }

  /** Sends more about an open call; a thread that has ended takes no messages. */
  send(message: ToWorker): void {
    this.worker.postMessage(message);
  }

  /** Calls fail with DisposedError; resolves when the thread has ended. */
  async dispose(): Promise<void> {
    this.#end(new DisposedError("The engine"));
    this.send({ type: "dispose" });
    await this.#exited;
  }

  #end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.onEnd();
    for (const call of this.#calls.values()) call.fail(error);
    this.#calls.clear();
  }
}

/** Waits until the thread has loaded its model. Its own listeners are removed again, each by itself: Node's stay. */
async function loaded(worker: Worker, onProgress: LoadOptions["onProgress"], signal: AbortSignal | undefined): Promise<ModelDescription> {
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
