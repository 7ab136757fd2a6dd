import { setImmediate } from "node:timers/promises";
import { OutOfMemoryError } from "@elastic-attention/core";
import type { EngineContext } from "../engine-context.js";
import type { ActiveRequest, DecodeStep } from "../request/active-request.js";
import { decideStep, type Reading, sessionsToEvict, type StepDecision, whoGivesWay } from "./decide-step.js";
import { drawTokens, type DrawnTokens } from "./drawn-tokens.js";
import { PrefillBatch, type PrefillEnd } from "./prefill-batch.js";
import { RequestLists } from "./request-lists.js";
import { type SchedulerReport, StepCounters } from "./step-counters.js";

/** How requests share a model. */
export interface SchedulerOptions {
  /** Requests that decode together at most. */
  readonly maximumBatch: number;
  /** How long a prefill may run before running answers get their next token, as far as its slices allow; Infinity: to its end. */
  readonly prefillBudgetMilliseconds: number;
}

/**
 * Continuous batching: requests join and leave between steps. A step is decided first (`decideStep`) and applied here,
 * where the device may fail: for one request, which ends with the error, and without harm to others.
 */
export class Scheduler {
  readonly #requests = new RequestLists();
  readonly #counters = new StepCounters();
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  /** Whether something has happened since the step was decided. */
  #changed = false;
  #closed: Error | undefined;

  constructor(
    private readonly context: EngineContext,
    private readonly options: SchedulerOptions,
  ) {}

  get report(): SchedulerReport {
    const { queued, prefilling, decoding } = this.#requests;
    return { queued: queued.length, prefilling: prefilling.length, decoding: decoding.length, ...this.#counters.counts };
  }

  /** Takes a request. @throws OutOfMemoryError when it could not fit even alone, InvalidRequestError for a busy session */
  add(request: ActiveRequest): void {
    if (this.#closed !== undefined) throw this.#closed;
    request.memory.requireThatItCanFit();
    request.turn.join();
    this.#requests.add(request);
    this.#running ??= this.#run();
    this.wake();
  }

  /** Takes a request out wherever it is; its memory is back when this returns. */
  remove(request: ActiveRequest): void {
    if (request.state !== "done") this.#end(request, () => request.finish("aborted"));
  }

  /** Something may have changed: a reader caught up, a session was closed. */
  wake(): void {
    this.#changed = true;
    this.#wake?.();
  }

  /** Fails every request with the error and takes no more; resolves when nothing computes. */
  async close(error: Error): Promise<void> {
    this.#closed ??= error;
    this.#failAll(error);
    this.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#requests.all.length > 0) {
      // A turn of the event loop: timers and messages can abort requests, and those that come at once are seen together.
      await setImmediate();
      this.#changed = false;
      const progress = await this.#step().catch((error: unknown) => {
        // What is known to fail is caught where it fails: of anything else nobody can tell whose fault it is.
        this.#failAll(error);
        return true;
      });
      if (!progress && !this.#changed && this.#requests.all.length > 0) await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
    this.#counters.pause();
    this.#running = undefined;
  }

  /** @returns whether anything was done */
  async #step(): Promise<boolean> {
    const { evict, preempt, admit, decode, read } = this.#decide();
    for (const name of evict) this.context.sessions.close(name);
    if (preempt !== undefined) this.#preempt(preempt);
    if (preempt !== undefined) this.freed();
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
      const [tokens, caches, samplers] = [batch.map(({ lastToken }) => lastToken), batch.map(({ cache }) => cache), batch.map(({ sampler }) => sampler)];
      drawn = drawTokens(() => this.#decoder.decodeTokens(tokens, caches, samplers));
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
    if (OutOfMemoryError.isInstance(error)) {
      const layers = Array.from({ length: this.#decoder.spec.numLayers }, (_, layer) => layer);
      const touched = batch.filter(({ cache }, row) => layers.some((layer) => cache.layer(layer).length !== lengths[row]));
      // The first of all: everybody else gives way to it.
      this.#failed(batch.reduce((first, each) => (each.arrival < first.arrival ? each : first)), error);
      for (const request of touched) if (request.state === "decode") this.#requests.requeue(request);
    } else {
      for (const request of batch) this.#fail(request, error);
    }
  }

  /** A request cannot go on. Where memory is lacking, sessions or others give theirs; who has all there is, fails. */
  #failed(request: ActiveRequest, error: unknown): void {
    if (!OutOfMemoryError.isInstance(error)) return this.#fail(request, error);
    const { sessions } = this.context;
    const evict = sessionsToEvict(sessions.idleSessions, error);
    for (const name of evict) sessions.close(name);
    if (evict.length > 0) return;
    const { prefilling, decoding } = this.#requests;
    const victim = whoGivesWay(request, [...new Set([request, ...prefilling, ...decoding])]);
    if (victim !== undefined) this.#preempt(victim);
    else if (request.startedAlone) this.#fail(request, error);
    else this.#requests.requeue(request);
  }

  /** Gives the memory of a request, and of those it is read with, to others until one of them has ended. */
  #preempt(request: ActiveRequest): void {
    const { prefilling } = this.#requests;
    for (const each of prefilling.includes(request) ? prefilling : [request]) each.waitsForMemory = true;
    this.#counters.preemptions += 1;
    this.#requests.requeue(request);
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

  /** Memory has been given back: those who wait for some may try again. */
  freed(): void {
    for (const request of this.#requests.queued) request.waitsForMemory = false;
    this.wake();
  }

  get #decoder() {
    return this.context.choice.model.decoder;
  }
}
