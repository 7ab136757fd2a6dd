import { setImmediate } from "node:timers/promises";
import { NoFiniteLogitError, OutOfMemoryError } from "@elastic-attention/core";
import type { Fence, WorkSizes } from "@elastic-attention/tensor";
import { sampleLogits } from "@elastic-attention/transformer";
import type { ActiveRequest, DecodeStep } from "./active-request.js";
import type { EngineContext } from "./engine-context.js";
import type { SessionStore } from "./session-store.js";
import { SliceClock } from "./slice-clock.js";

/** How requests share a model. */
export interface SchedulerOptions {
  /** Requests that decode together at most. */
  readonly maximumBatch: number;
  /** How long a prefill may run before running answers get their next token, as far as its slices allow; Infinity: to its end. */
  readonly prefillBudgetMilliseconds: number;
}

/** What a scheduler is doing. */
export interface SchedulerReport {
  readonly queued: number;
  readonly prefilling: number;
  readonly decoding: number;
  /** Decode steps so far, and the tokens they gave. */
  readonly decodeSteps: number;
  readonly decodedTokens: number;
  /** Longest time between two decode steps while an answer was waiting. */
  readonly longestStallMilliseconds: number;
}

/** Tokens that a request is ahead of its reader at most. */
const mostUnread = 32;

/**
 * Continuous batching: requests join and leave between steps. One prompt is read at a time, in slices; between them all
 * running answers get a token, in one batch. What does not fit in memory now waits.
 */
export class Scheduler {
  readonly #queue: ActiveRequest[] = [];
  readonly #decoding: ActiveRequest[] = [];
  /** Answers that got no memory for their next token, until something is freed. */
  readonly #starved = new Set<ActiveRequest>();
  #prefilling: ActiveRequest | undefined;
  /** Of the running prefill. */
  #clock = new SliceClock(1);
  /** The first of the queue must not start before something is freed. */
  #waitsForMemory = false;
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  #closed: Error | undefined;
  #sparsity = { sum: 0, count: 0 };
  #lastDecode: number | undefined;
  #report = { decodeSteps: 0, decodedTokens: 0, longestStallMilliseconds: 0 };

  constructor(
    private readonly context: EngineContext,
    private readonly sessions: SessionStore,
    private readonly options: SchedulerOptions,
  ) {}

  get report(): SchedulerReport {
    return {
      queued: this.#queue.length,
      prefilling: this.#prefilling === undefined ? 0 : 1,
      decoding: this.#decoding.length,
      ...this.#report,
    };
  }

  /** Takes a request. @throws OutOfMemoryError when it could not fit even alone, InvalidRequestError for a busy session */
  add(request: ActiveRequest): void {
    if (this.#closed !== undefined) throw this.#closed;
    this.#requireThatItCanFit(request);
    request.join(this.sessions);
    this.#queue.push(request);
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
    this.wake();
  }

  /** Takes a request out wherever it is; its memory is back when this returns. */
  remove(request: ActiveRequest): void {
    if (request.state === "done") return;
    this.#forget(request);
    request.finish("aborted", this.sessions);
    this.#freed();
  }

  /** Something may have changed: a reader caught up, a signal came. */
  wake(): void {
    this.#wake?.();
  }

  /** Fails every request with the error and takes no more; resolves when nothing computes. */
  async close(error: Error): Promise<void> {
    this.#closed ??= error;
    for (const request of this.#all()) {
      this.#forget(request);
      request.fail(error, this.sessions);
    }
    this.wake();
    await this.#running;
  }

  #all(): ActiveRequest[] {
    return [...this.#queue, ...(this.#prefilling === undefined ? [] : [this.#prefilling]), ...this.#decoding];
  }

  async #run(): Promise<void> {
    const fences: Fence[] = [];
    while (this.#all().length > 0) {
      this.#dropAborted();
      this.#admit();
      const decoded = this.#decodeStep();
      const read = await this.#readPrompt(fences);
      // Without a turn of the event loop no timer and no message could abort a request.
      if (decoded || read) await setImmediate();
      else if (this.#all().length > 0) await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
    this.#lastDecode = undefined;
  }

  get #workSizes(): WorkSizes {
    return this.context.model.decoder.backend.device.workSizes;
  }

  #dropAborted(): void {
    for (const request of this.#all()) if (request.aborted) this.remove(request);
  }

  /** Starts the next prefill where there is room for it. */
  #admit(): void {
    const request = this.#queue[0];
    if (request === undefined || this.#prefilling !== undefined || this.#waitsForMemory) return;
    if (this.#decoding.length >= this.options.maximumBatch || !this.#hasRoom(request)) return;
    this.#queue.shift();
    this.#prefilling = request;
    this.#clock = new SliceClock(this.#workSizes.slicesInFlight);
    try {
      request.start(this.sessions);
    } catch (error) {
      this.#prefillFailed(request, error);
    }
  }

  /** Whether a request fits beside the others; idle sessions make room for it. */
  #hasRoom(request: ActiveRequest): boolean {
    const { backend } = this.context.model.decoder;
    const { session } = request.request;
    const own = session === undefined ? 0 : this.sessions.bytesOf(session);
    const { requestBytes } = request.predict(this.#expectedSparsity);
    for (;;) {
      const { liveBytes, limitBytes } = backend.memory();
      if (liveBytes - own + requestBytes <= limitBytes) return true;
      if (!this.sessions.evict(session)) break;
    }
    // Alone it may try: the prediction took heads for full that the router may make sparse.
    return this.#decoding.length === 0;
  }

  /** What routers that cannot say how sparse they will be were so far. */
  get #expectedSparsity(): number {
    return this.#sparsity.count === 0 ? 0 : this.#sparsity.sum / this.#sparsity.count;
  }

  /** One token for every running answer whose reader keeps up. @returns whether there was one */
  #decodeStep(): boolean {
    const ready = this.#decoding.filter((request) => request.events.unread < mostUnread && !this.#starved.has(request));
    const batch = ready.filter((request) => this.#makeRoom(request));
    if (batch.length === 0) {
      if (this.#starved.size > 0 && this.#starved.size === this.#decoding.length && this.#prefilling === undefined) this.#endStarvation();
      this.#lastDecode = undefined;
      return ready.length > 0;
    }
    const begun = performance.now();
    const lengths = batch.map(({ cache }) => cache.length);
    let tokens: Int32Array;
    try {
      tokens = this.context.model.decoder.decodeTokens(
        batch.map((request) => request.lastToken),
        batch.map(({ cache }) => cache),
        batch.map(({ sampler }) => sampler),
      );
    } catch (error) {
      if (!(NoFiniteLogitError.isInstance(error))) {
        this.#decodeFailed(batch, lengths, error);
        return true;
      }
      tokens = error.tokens;
      for (const [row, token] of tokens.entries()) if (token === -1) this.#fail(batch[row]!, error);
    }
    this.#countStep(begun, batch.length);
    const step = { seconds: (performance.now() - begun) / 1000, requests: batch.length };
    this.#prefilling?.interrupt(step.seconds);
    for (const [row, request] of batch.entries()) {
      if (request.state === "decode") this.#take(request, tokens[row]!, step);
    }
    return true;
  }

  #makeRoom(request: ActiveRequest): boolean {
    try {
      request.cache.makeRoom(1);
      return true;
    } catch (error) {
      if (!(OutOfMemoryError.isInstance(error))) throw error;
      if (this.sessions.evict()) return this.#makeRoom(request);
      this.#starved.add(request);
      return false;
    }
  }

  /** Everyone waits for memory and nobody will free any: the youngest answer ends so that the others go on. */
  #endStarvation(): void {
    const youngest = this.#decoding.at(-1)!;
    const { backend, spec, dtype } = this.context.model.decoder;
    const { liveBytes, limitBytes } = backend.memory();
    const needed = 2 * spec.numLayers * spec.numKeyValueHeads * spec.headDim * (dtype === "f32" ? 4 : 2);
    this.#fail(youngest, new OutOfMemoryError(backend.name, needed, liveBytes, limitBytes, "one more token of every layer"));
  }

  /** A step that failed before it wrote to any cache is tried again with fewer; one that did not ends its requests. */
  #decodeFailed(batch: readonly ActiveRequest[], lengths: readonly number[], error: unknown): void {
    const { numLayers } = this.context.model.spec;
    const untouched = batch.filter(({ cache }, row) => {
      const layers = Array.from({ length: numLayers }, (_, layer) => cache.layer(layer).length);
      return cache.length === lengths[row] && layers.every((length) => length === lengths[row]);
    });
    if (OutOfMemoryError.isInstance(error) && untouched.length === batch.length) {
      if (this.sessions.evict()) return;
      if (batch.length > 1) {
        for (const request of batch.slice(Math.ceil(batch.length / 2))) this.#starved.add(request);
        return;
      }
    }
    for (const request of batch) this.#fail(request, error);
  }

  #countStep(begun: number, tokens: number): void {
    const now = performance.now();
    const stall = this.#lastDecode === undefined ? 0 : begun - this.#lastDecode;
    this.#lastDecode = now;
    this.#report = {
      decodeSteps: this.#report.decodeSteps + 1,
      decodedTokens: this.#report.decodedTokens + tokens,
      longestStallMilliseconds: Math.max(this.#report.longestStallMilliseconds, stall),
    };
  }

  /** Slices of the running prefill: one after another while nobody waits, else until the budget is used up. */
  async #readPrompt(fences: Fence[]): Promise<boolean> {
    const request = this.#prefilling;
    const prefill = request?.prefill;
    if (request === undefined || prefill === undefined) return false;
    const begun = performance.now();
    const others = this.#decoding.some(({ events }) => events.unread < mostUnread);
    const shared = others && this.options.prefillBudgetMilliseconds < Infinity;
    prefill.slicePairs = shared ? this.#workSizes.slicePairs : Infinity;
    this.#clock.begin();
    for (;;) {
      const layers = prefill.layersDone;
      try {
        if (!prefill.step()) {
          this.#endPrefill(request);
          return true;
        }
      } catch (error) {
        this.#prefillFailed(request, error);
        return true;
      }
      request.tellProgress();
      if (!shared) {
        // The device gets one layer ahead at most, so that an abort ends within one.
        if (prefill.layersDone > layers) fences.push(prefill.fence());
        while (fences.length > 1) await fences.shift()!.wait();
        if (!others) return true;
        // The others get their token when the prompt has been read.
        await setImmediate();
        if (request.prefill !== prefill || request.aborted) return true;
        continue;
      }
      await this.#clock.issued(prefill.phase, prefill.fence());
      const isOver = performance.now() - begun + this.#clock.expected(prefill.phase) > this.options.prefillBudgetMilliseconds;
      // Anything may have happened meanwhile.
      if (isOver || request.prefill !== prefill || request.aborted) return true;
    }
  }

  #endPrefill(request: ActiveRequest): void {
    const { logits, sequences } = request.prefill!.result;
    try {
      using owned = logits;
      request.tellProgress();
      // Before the clock of the prefill stops: on a GPU its work is done when a token is there.
      const [token] = request.wantsTokens ? sampleLogits(owned, [request.sampler]) : [];
      request.endPrefill(sequences[0]!.routing);
      this.#prefilling = undefined;
      if (request.hasUnknownSparsity) this.#sparsity = { sum: this.#sparsity.sum + request.modelSparsity!, count: this.#sparsity.count + 1 };
      if (token === undefined) {
        request.finish("length", this.sessions);
        this.#freed();
        return;
      }
      this.#decoding.push(request);
      this.#take(request, token);
    } catch (error) {
      this.#fail(request, error);
    }
  }

  /** With others, or sessions, in the way the request waits for what they free; alone it fails. */
  #prefillFailed(request: ActiveRequest, error: unknown): void {
    this.#prefilling = undefined;
    const waits = OutOfMemoryError.isInstance(error) && (this.sessions.idleCount > 0 || this.#decoding.length > 0);
    if (!waits) {
      this.#fail(request, error);
      return;
    }
    request.requeue();
    this.#queue.unshift(request);
    this.#waitsForMemory = this.sessions.idleCount === 0;
    while (this.sessions.evict());
  }

  #take(request: ActiveRequest, token: number, step?: DecodeStep): void {
    const reason = request.takeToken(token, step);
    if (reason === undefined) return;
    this.#forget(request);
    request.finish(reason, this.sessions);
    this.#freed();
  }

  #fail(request: ActiveRequest, error: unknown): void {
    this.#forget(request);
    request.fail(error, this.sessions);
    this.#freed();
  }

  #forget(request: ActiveRequest): void {
    for (const list of [this.#queue, this.#decoding]) {
      const index = list.indexOf(request);
      if (index >= 0) list.splice(index, 1);
    }
    if (this.#prefilling === request) this.#prefilling = undefined;
    this.#starved.delete(request);
  }

  #freed(): void {
    this.#waitsForMemory = false;
    this.#starved.clear();
    this.wake();
  }

  #requireThatItCanFit(request: ActiveRequest): void {
    const { decoder } = this.context.model;
    const { backend } = decoder;
    // Where the router decides, what is needed at least: all of its heads sparse.
    const { requestBytes, weightBytes, tableBytes } = request.predict(1);
    const { limitBytes } = backend.memory();
    if (weightBytes + tableBytes + requestBytes <= limitBytes) return;
    throw new OutOfMemoryError(backend.name, requestBytes, weightBytes + tableBytes, limitBytes, "this request");
  }
}
