import { firstError, OutOfMemoryError } from "@elastic-attention/core";
import type { Draw, SequenceRouting } from "@elastic-attention/transformer";
import type { EngineContext } from "../engine-context.js";
import type { CheckedSettings } from "../engine-settings.js";
import type { ActiveRequest } from "../request/active-request.js";
import type { AnswerGroup } from "../answer/answer-group.js";
import { decideStep, type Reading, type StepDecision } from "./decide-step.js";
import { decodeBatch } from "./decode-batch.js";
import { MemoryShares } from "./memory-shares.js";
import { type ForkedAnswer, PrefillBatch, type PrefillEnd } from "./prefill-batch.js";
import { isDecoding, RequestEnds } from "./request-ends.js";
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
  readonly #ends: RequestEnds;
  readonly #loop: StepLoop;

  constructor(
    private readonly context: EngineContext,
    private readonly options: Pick<CheckedSettings, "maximumBatch" | "prefillBudgetMilliseconds">,
  ) {
    this.#memory = new MemoryShares(this.#requests, context, this.#counters);
    this.#ends = new RequestEnds(this.#requests, this.#memory, () => this.freed());
    this.#loop = new StepLoop({
      hasWork: () => this.#requests.all.length > 0,
      step: () => this.#step(),
      // What is known to fail is caught where it fails: of anything else nobody can tell whose fault it is.
      failed: (error) => this.#ends.failAll(error),
    });
  }

  get report(): SchedulerReport {
    const { queued, prefilling, decoding } = this.#requests;
    return { queued: queued.length, prefilling: prefilling.length, decoding: decoding.length, ...this.#counters.counts };
  }

  /** Takes a request. @throws OutOfMemoryError when it could not fit even alone, InvalidRequestError for a busy session */
  add({ first, answers }: AnswerGroup): void {
    first.memory.requireThatItCanFit();
    first.source.join();
    this.#requests.add(answers);
    this.wake();
  }

  /** Takes a request out wherever its answers are; its memory is back when this returns. */
  remove({ answers }: AnswerGroup): void {
    for (const answer of answers) if (answer.state !== "done") this.#ends.end(answer, () => answer.finish("aborted"));
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
    this.#ends.failAll(error);
    await this.#loop.end();
  }

  /** @returns whether anything was done */
  async #step(): Promise<boolean> {
    const { evictPrefixBytes, evict, preempt, admit, decode, read } = this.#decide();
    if (evictPrefixBytes > 0) this.context.prefixes.evict(evictPrefixBytes);
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
    const prefixBytes = admits ? this.context.prefixes.evictableBytes : 0;
    const batchTokens = this.#decoder.backend.device.workSizes.chunkRows;
    return decideStep({ queued, prefilling, decoding, freeBytes, idleSessions, prefixBytes, batchTokens, ...this.options });
  }

  #freeBytes(): number {
    try {
      const { liveBytes, limitBytes } = this.#decoder.backend.memory();
      return limitBytes - liveBytes + this.#decoder.caches.unusedPageBytes;
    } catch (error) {
      this.#ends.fail(this.#requests.queued[0]!, error);
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
      // Those behind the one that failed too: together with them it would fail again, and nobody could say who cannot be read.
      if (admitted.length > 1) for (const { faults } of admitted) faults.prefillFailed();
      this.#ends.prefillFailed(started, error);
    }
  }

  async #read(prefill: PrefillBatch, reading: Reading): Promise<void> {
    let end: PrefillEnd | undefined;
    try {
      if (await prefill.read(reading, this.options.prefillBudgetMilliseconds)) end = prefill.end();
    } catch (error) {
      // One that was disposed meanwhile is nobody's any more.
      if (this.#requests.prefill === prefill) this.#ends.prefillFailed(prefill.requests, error);
    }
    if (end !== undefined) {
      this.#requests.endPrefill();
      for (const [row, request] of prefill.requests.entries()) this.#beginDecoding(request, end.routing[row]!, end.seconds[row]!, end.draws?.[row]);
    }
    for (const forked of prefill.forked) this.#beginForked(forked, end !== undefined);
  }

  #beginDecoding(request: ActiveRequest, routing: SequenceRouting, seconds: number, draws: readonly Draw[] | undefined): void {
    request.endPrefill(routing, seconds);
    this.#requests.decoding.push(request);
    if (request.wantsTokens) this.#ends.take(request, draws!);
    else this.#ends.end(request, () => request.finish("length"));
  }

  /** One that lacks memory for its copy reads the prompt itself, in its turn; so does one whose prefill has failed at last. */
  #beginForked({ request, start }: ForkedAnswer, isRead: boolean): void {
    // What has failed for one answer has failed for all of its request.
    if (request.state === "done") return;
    if (!("error" in start) && isRead) return this.#beginDecoding(request, start.routing, 0, start.draws);
    if (!("error" in start) || OutOfMemoryError.isInstance(firstError(start.error))) this.#requests.requeue(request);
    else this.#ends.fail(request, start.error);
  }

  /** A step for every running answer whose reader keeps up. @returns whether there was one to decode */
  #decode(batches: readonly (readonly ActiveRequest[])[]): boolean {
    const { draftedRows = 64 } = this.#decoder.backend.device.workSizes;
    const requests = batches.flat();
    // Tokens that may be drafted besides the last of each; who comes first drafts first.
    let room = Math.max(0, draftedRows - requests.length);
    for (const request of requests) {
      this.#prepare(request, room);
      room -= request.draft.tokens.length;
    }
    if (!requests.some(isDecoding)) this.#counters.pause();
    // Whoever gives its memory up to others in between is no longer among them.
    for (const batch of batches) this.#decodeTogether(batch.filter(isDecoding));
    return batches.length > 0;
  }

  #decodeTogether(batch: readonly ActiveRequest[]): void {
    if (batch.length === 0) return;
    const outcome = decodeBatch(this.#decoder, batch);
    if ("error" in outcome) return this.#ends.decodeFailed(batch, outcome.error, outcome.restart);
    this.#counters.countStep(outcome.step);
    this.#requests.prefill?.interrupt(outcome.step.seconds);
    for (const [row, request] of batch.entries()) this.#ends.take(request, outcome.draws[row]!, outcome.step);
  }

  #prepare(request: ActiveRequest, mostDraftTokens: number): void {
    while (request.state === "decode") {
      try {
        return request.draft.prepare(request.cache, request.faults.decodesAlone ? 0 : mostDraftTokens);
      } catch (error) {
        this.#ends.failed(request, error);
      }
    }
  }

  get #decoder() {
    return this.context.choice.model.decoder;
  }
}
