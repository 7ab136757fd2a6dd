import type { OutOfMemoryError } from "@elastic-attention/core";
import type { EngineContext } from "../engine-context.js";
import type { ActiveRequest } from "../request/active-request.js";
import { missingBytes, sessionsToEvict, whoGivesWay } from "./decide-step.js";
import type { RequestLists } from "./request-lists.js";
import type { StepCounters } from "./step-counters.js";

/** Moves memory from those who can do without to those who cannot go on. */
export class MemoryShares {
  constructor(
    private readonly requests: RequestLists,
    private readonly context: Pick<EngineContext, "sessions" | "prefixes">,
    private readonly counters: StepCounters,
  ) {}

  /**
   * Somebody gives memory to a request that an allocation has failed for: cached prefixes, idle sessions, others, or itself to
   * others, until it can begin again.
   *
   * @returns false when there is nothing to give: the request does not fit
   */
  giveTo(request: ActiveRequest, error: OutOfMemoryError): boolean {
    const { sessions, prefixes } = this.context;
    if (prefixes.evict(missingBytes(error)) > 0) return true;
    const evict = sessionsToEvict(sessions.idleSessions, error);
    for (const name of evict) sessions.close(name);
    if (evict.length > 0) return true;
    // What is taken for others on the way is the first to go.
    if (request.state === "prefill" && request.source.stopLeaving()) return true;
    const { prefilling, decoding } = this.requests;
    if (decoding.map(({ source }) => source.forget()).includes(true)) return true;
    const victim = whoGivesWay(request, [...new Set([request, ...prefilling, ...decoding])]);
    if (victim === undefined && request.startedAlone) return false;
    // One that is left alone may begin again where nobody was before.
    if (victim === undefined) this.requests.requeue(request);
    else this.#preempt(victim);
    return true;
  }

  /** Takes the memory of a request whose reader does not read. */
  take(request: ActiveRequest): void {
    this.#preempt(request);
    this.freed();
  }

  /** Memory has been given back: those who wait for some may try again. */
  freed(): void {
    for (const request of this.requests.queued) request.waitsForMemory = false;
  }

  /** Gives the memory of a request, and of those it is read with, to others until one of them has ended. */
  #preempt(request: ActiveRequest): void {
    const { prefilling } = this.requests;
    for (const each of prefilling.includes(request) ? prefilling : [request]) each.waitsForMemory = true;
    this.counters.preemptions += 1;
    this.requests.requeue(request);
  }
}
