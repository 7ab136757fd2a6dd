import { once } from "node:events";
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import type { ParquetAnswer, ParquetThreadData, ReadRows } from "./parquet-messages.js";

/** How long an answer may take, whatever the file, and for each byte of it: more than ten times what whole files need. */
const [baseMilliseconds, millisecondsPerByte] = [10_000, 1 / 2000];

/** A thread that reads a Parquet file. One that does not answer in time is ended, for the reader cannot be interrupted. */
export class ParquetThread implements Disposable {
  readonly #worker: Worker;
  readonly #milliseconds: number;
  #ended = false;

  /**
   * @param milliseconds how long an answer may take; default by the size of the file.
   * @throws the system's error for a file that is not there
   */
  constructor(path: string, milliseconds?: number) {
    this.#milliseconds = milliseconds ?? baseMilliseconds + statSync(path).size * millisecondsPerByte;
    const program = createRequire(import.meta.url).resolve("@elastic-attention/data-files/parquet-worker");
    this.#worker = new Worker(program, { workerData: { path } satisfies ParquetThreadData });
  }

  /**
   * Asks for rows, or waits for the file to be opened; one question at a time.
   *
   * @throws Error with the reader's words, or because the time is over, after which the thread has ended
   */
  async ask(range?: ReadRows): Promise<Exclude<ParquetAnswer, { type: "failed" }>> {
    if (this.#ended) throw new Error("reading it was given up before");
    const waiting = new AbortController();
    const { signal } = waiting;
    const late = setTimeout(() => waiting.abort(new Error(`it is damaged: reading it did not end within ${Math.round(this.#milliseconds / 1000)} s`)), this.#milliseconds);
    // Between two questions it keeps no program alive.
    this.#worker.ref();
    if (range !== undefined) this.#worker.postMessage(range);
    try {
      const answer = await Promise.race([
        once(this.#worker, "message", { signal }).then(([message]) => message as ParquetAnswer),
        once(this.#worker, "exit", { signal }).then((): ParquetAnswer => ({ type: "failed", message: "the thread that reads it has ended" })),
      ]);
      if (answer.type !== "failed") return answer;
      throw new Error(answer.message);
    } catch (error) {
      if (signal.aborted) this[Symbol.dispose]();
      throw signal.aborted ? signal.reason : error;
    } finally {
      clearTimeout(late);
      waiting.abort();
      this.#worker.unref();
    }
  }

  [Symbol.dispose](): void {
    this.#ended = true;
    void this.#worker.terminate();
  }
}
