import { giveBack } from "../give-back.js";
import type { ActiveRequest } from "../request/active-request.js";
import type { PrefillBatch } from "./prefill-batch.js";

/** Where every request is that has not ended: in the queue, in the prefill, or among those that decode. */
export class RequestLists {
  /** In order of arrival. */
  readonly queued: ActiveRequest[] = [];
  readonly decoding: ActiveRequest[] = [];
  prefill: PrefillBatch | undefined;
  #arrivals = 0;

  /** Requests whose prompts are being read. */
  get prefilling(): readonly ActiveRequest[] {
    return this.prefill?.requests ?? [];
  }

  get all(): readonly ActiveRequest[] {
    return [...this.queued, ...this.prefilling, ...this.decoding];
  }

  /** A new request, behind all others. Its first answer reads the prompt, and only that one is in the queue. */
  add(answers: readonly ActiveRequest[]): void {
    for (const answer of answers) answer.arrival = this.#arrivals++;
    this.queued.push(answers[0]!);
  }

  /** Takes a request out wherever it is. One that was read with others ends their prefill: they are read again. */
  takeOut(request: ActiveRequest): void {
    remove(this.queued, request);
    remove(this.decoding, request);
    const together = this.prefilling;
    if (!together.includes(request)) return;
    this.endPrefill();
    for (const other of together) {
      if (other === request) continue;
      other.faults.prefillInterrupted();
      this.requeue(other);
    }
  }

  /** Gives a request's memory back; it is read again in its turn. */
  requeue(request: ActiveRequest): void {
    this.takeOut(request);
    request.requeue();
    const place = this.queued.findIndex(({ arrival }) => arrival > request.arrival);
    this.queued.splice(place < 0 ? this.queued.length : place, 0, request);
  }

  /** Takes a request out of the queue, to start it. */
  dequeue(request: ActiveRequest): void {
    remove(this.queued, request);
  }

  /** The prefill is over; before its end it empties the caches of its requests. */
  endPrefill(): void {
    giveBack(this.prefill);
    this.prefill = undefined;
  }
}

function remove<Item>(list: Item[], item: Item): void {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
}
