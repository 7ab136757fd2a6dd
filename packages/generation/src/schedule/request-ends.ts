import { firstError, NoFiniteLogitError, OutOfMemoryError } from "@elastic-attention/core";
import type { Draw } from "@elastic-attention/transformer";
import type { ActiveRequest } from "../request/active-request.js";
import type { DecodeStep } from "../request/measurements.js";
import type { MemoryShares } from "./memory-shares.js";
import type { RequestLists } from "./request-lists.js";

/** How requests end (by their last token, by an abort, by a failure), and what a failure means for those beside the one that failed. */
export class RequestEnds {
  /** @param freed called when an ended request has given its memory back */
  constructor(
    private readonly requests: RequestLists,
    private readonly memory: MemoryShares,
    private readonly freed: () => void,
  ) {}

  /**
   * Hands a request the tokens that were drawn for it, with any of which it may end: it does not see those behind that one.
   *
   * @param step that gave them; undefined for the first token, which the prompt gives
   */
  take(request: ActiveRequest, draws: readonly Draw[], step?: DecodeStep): void {
    try {
      if (step !== undefined) request.countStep(step, draws);
      for (const [index, draw] of draws.entries()) {
        if (draw.token === -1) return this.fail(request, request.problem ?? new NoFiniteLogitError(0, Int32Array.of(-1)));
        if (index > 0) request.draft.accept(request.cache);
        const reason = request.takeToken(draw, step !== undefined);
        if (reason !== undefined) return this.end(request, () => request.finish(reason));
      }
    } catch (failure) {
      this.fail(request, failure);
    }
  }

  /** A request cannot go on. Where memory is lacking it may be given some, and goes on later. */
  failed(request: ActiveRequest, thrown: unknown): void {
    const error = firstError(thrown);
    if (!OutOfMemoryError.isInstance(error) || !this.memory.giveTo(request, error)) this.fail(request, error);
  }

  /** Of several, each is read alone from now on, so that the others do not suffer from one. */
  prefillFailed(requests: readonly ActiveRequest[], error: unknown): void {
    this.requests.endPrefill();
    if (requests.length === 1) this.failed(requests[0]!, error);
    for (const request of requests) {
      if (requests.length > 1) request.faults.prefillFailed();
      if (request.state === "prefill") this.requests.requeue(request);
    }
  }

  /**
   * A step that failed is taken again: with fewer requests where it lacked memory, else by each of them alone, so that nobody
   * suffers from another. Who fails alone has failed.
   *
   * @param error undefined where nobody is to blame
   */
  decodeFailed(batch: readonly ActiveRequest[], error: unknown, restart: readonly ActiveRequest[]): void {
    // The first of all: where memory is lacking everybody else gives way to it.
    const first = batch.reduce((earlier, each) => (each.arrival < earlier.arrival ? each : earlier));
    if (error !== undefined && (batch.length === 1 || OutOfMemoryError.isInstance(error))) this.failed(first, error);
    else if (error !== undefined) for (const { faults } of batch) faults.stepFailed();
    for (const request of restart.filter(isDecoding)) this.requests.requeue(request);
  }

  /** What fails for one answer fails for all of its request. */
  fail({ group }: ActiveRequest, error: unknown): void {
    for (const answer of group.answers) if (answer.state !== "done") this.end(answer, () => answer.fail(firstError(error)));
  }

  failAll(error: unknown): void {
    this.requests.all.forEach((request) => this.fail(request, error));
  }

  end(request: ActiveRequest, end: () => void): void {
    this.requests.takeOut(request);
    end();
    this.freed();
  }
}

export function isDecoding({ state }: ActiveRequest): boolean {
  return state === "decode";
}
