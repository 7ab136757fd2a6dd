import { OutOfMemoryError } from "@elastic-attention/core";
import type { EngineContext } from "../engine-context.js";
import type { CheckedSettings } from "../engine-settings.js";
import type { ActiveRequest } from "../request/active-request.js";
import type { DecodeStep } from "../request/measurements.js";
import { decideStep, type Reading, type StepDecision } from "./decide-step.js";
import { decodeBatch, isWritten } from "./decode-batch.js";
import type { DrawnTokens } from "./drawn-tokens.js";
import { MemoryShares } from "./memory-shares.js";
import { PrefillBatch, type PrefillEnd } from "./prefill-batch.js";
import { RequestLists } from "./request-lists.js";
import { type SchedulerReport, StepCounters } from "./step-counters.js";
import { StepLoop } from "./step-loop.js";

/**
 * Continuous batching: requests join and leave between steps. A step is decided first (`decideStep`) and applied here,
 * where the device may fail: for one request, which ends with the error, and without harm to others.
 */
export class Scheduler {
  readonly #requests = new RequestLists();
  readonly #counters = new StepCounters();
  readonly #memory: MemoryShares;
  readonly #loop: StepLoop;

  constructor(
    private readonly context: EngineContext,
    private readonly options: Pick<CheckedSettings, "maximumBatch" | "prefillBudgetMilliseconds">,
  ) {
    this.#memory = new MemoryShares(this.#requests, context.sessions, this.#counters);
    this.#loop = new StepLoop({
      hasWork: () => this.#requests.all.length > 0,
      step: () => this.#step(),
      // What is known to fail is caught where it fails: of anything else nobody can tell whose fault it is.
      failed: (error) => this.#failAll(error),
    });
  }

  get report(): SchedulerReport {
    const { queued, prefilling, decoding } = this.#requests;
    return { queued: queued.length, prefilling: prefilling.length, decoding: decoding.length, ...this.#counters.counts };
  }

  /** Takes a request. @throws OutOfMemoryError when it could not fit even alone, InvalidRequestError for a busy session */
  add(request: ActiveRequest): void {
    request.memory.requireThatItCanFit();
    request.turn.join();
    this.#requests.add(request);
    this.wake();
  }

  /** Takes a request out wherever it is; its memory is back when this returns. */
  remove(request: ActiveRequest): void {
    if (request.state !== "done") this.#end(request, () => request.finish("aborted"));
  }

  /** Memory has been given back. */
  freed(): void {
    this.#memory.freed();
    this.wake();
  }

  /** Something may have changed: a reader caught up. */
  wake(): void {
    this.#loop.wake();
  }

  /** Fails every request with the error; resolves when nothing computes. Add none afterwards. */
  async close(error: Error): Promise<void> {
    this.#failAll(error);
    await this.#loop.end();
  }

  /** @returns whether anything was done */
  async #step(): Promise<boolean> {
    const { evict, preempt, admit, decode, read } = this.#decide();
    for (const name of evict) this.context.sessions.close(name);
    if (preempt !== undefined) this.#memory.take(preempt);
    if (admit.length > 0) this.#start(admit);
    const decoded = this.#decode(decode);
    const { prefill } = this.#requests;
    if (prefill !== undefined) await this.#read(prefill, read);
    return preempt !== undefined || admit.length > 0 || decoded || prefill !== undefined;
  }

  #decide(): StepDecision<ActiveRequest> {
    const { queued, prefilling, decoding } = this.#requests;
    const admits = queued.length > 0 && prefilling.length === 0;
    const freeBytes = admits ? this.#freeBytes() : 0;
    const idleSessions = admits ? this.context.sessions.idleSessions : [];
    const batchTokens = this.#decoder.backend.device.workSizes.chunkRows;
    return decideStep({ queued, prefilling, decoding, freeBytes, idleSessions, batchTokens, ...this.options });
  }

  #freeBytes(): number {
    try {
      const { liveBytes, limitBytes } = this.#decoder.backend.memory();
      return limitBytes - liveBytes;
    } catch (error) {
      this.#fail(this.#requests.queued[0]!, error);
      return 0;
    }
  }

  #start(admitted: readonly ActiveRequest[]): void {
    const alone = admitted.length === 1 && this.#requests.decoding.length === 0;
    const started: ActiveRequest[] = [];
    try {
      for (const request of admitted) {
        this.#requests.dequeue(request);
        started.push(request);
        request.start(alone);
      }
      this.#requests.prefill = new PrefillBatch(this.#decoder, started);
      this.#counters.prefills += 1;
    } catch (error) {
      this.#prefillFailed(started, error);
    }
  }

  async #read(prefill: PrefillBatch, reading: Reading): Promise<void> {
    let end: PrefillEnd | undefined;
    try {
      if (await prefill.read(reading, this.options.prefillBudgetMilliseconds)) end = prefill.end();
    } catch (error) {
      // One that was disposed meanwhile is nobody's any more.
      if (this.#requests.prefill === prefill) this.#prefillFailed(prefill.requests, error);
    }
    if (end === undefined) return;
    this.#requests.endPrefill();
    for (const [row, request] of prefill.requests.entries()) {
      request.endPrefill(end.routing[row]!, end.seconds[row]!);
      this.#requests.decoding.push(request);
      if (request.wantsTokens) this.#take(request, end.drawn!, row);
      else this.#end(request, () => request.finish("length"));
    }
  }

  /** Of several, each is read alone from now on, so that the others do not suffer from one. */
  #prefillFailed(requests: readonly ActiveRequest[], error: unknown): void {
    this.#requests.endPrefill();
    if (requests.length === 1) this.#failed(requests[0]!, error);
    for (const request of requests) {
      if (requests.length > 1) request.brokenPrefills = Infinity;
      if (request.state === "prefill") this.#requests.requeue(request);
    }
  }

  /** One token for every running answer whose reader keeps up. @returns whether there was one to decode */
  #decode(ready: readonly ActiveRequest[]): boolean {
    for (const request of ready) this.#makeRoom(request);
    const batch = ready.filter(({ state }) => state === "decode");
    if (batch.length === 0) {
      this.#counters.pause();
      return ready.length > 0;
    }
    const begun = performance.now();
    const lengths = batch.map(({ cache }) => cache.length);
    let drawn: DrawnTokens;
    try {
      drawn = decodeBatch(this.#decoder, batch);
    } catch (error) {
      this.#decodeFailed(batch, lengths, error);
      return true;
    }
    this.#counters.countStep(begun, batch.length);
    const step = { seconds: (performance.now() - begun) / 1000, requests: batch.length };
    this.#requests.prefill?.interrupt(step.seconds);
    for (const [row, request] of batch.entries()) this.#take(request, drawn, row, step);
    return true;
  }

  #makeRoom(request: ActiveRequest): void {
    while (request.state === "decode") {
      try {
        return request.cache.makeRoom(1);
      } catch (error) {
        this.#failed(request, error);
      }
    }
  }

  /** A step that lacked memory is tried again with fewer; those whose caches it has written to begin again. */
  #decodeFailed(batch: readonly ActiveRequest[], lengths: readonly number[], error: unknown): void {
    if (!OutOfMemoryError.isInstance(error)) return batch.forEach((request) => this.#fail(request, error));
    const written = batch.filter(({ cache }, row) => isWritten(cache, lengths[row]!));
    // The first of all: everybody else gives way to it.
    this.#failed(batch.reduce((first, each) => (each.arrival < first.arrival ? each : first)), error);
    for (const request of written) if (request.state === "decode") this.#requests.requeue(request);
  }

  /** A request cannot go on. Where memory is lacking it may be given some, and goes on later. */
  #failed(request: ActiveRequest, error: unknown): void {
    if (!OutOfMemoryError.isInstance(error) || !this.#memory.giveTo(request, error)) this.#fail(request, error);
  }

  #take(request: ActiveRequest, { tokens, error }: DrawnTokens, row: number, step?: DecodeStep): void {
    if (tokens[row] === -1) return this.#fail(request, error);
    try {
      const reason = request.takeToken(tokens[row]!, step);
      if (reason !== undefined) this.#end(request, () => request.finish(reason));
    } catch (failure) {
      this.#fail(request, failure);
    }
  }

  #fail(request: ActiveRequest, error: unknown): void {
    this.#end(request, () => request.fail(error));
  }

  #failAll(error: unknown): void {
    for (const request of this.#requests.all) this.#fail(request, error);
  }

  #end(request: ActiveRequest, end: () => void): void {
    this.#requests.takeOut(request);
    end();
    this.freed();
  }

  get #decoder() {
    return this.context.choice.model.decoder;
  }
}
