import { setImmediate } from "node:timers/promises";
import type { Fence } from "@elastic-attention/tensor";
import type { PrefillPhase } from "@elastic-attention/transformer";

/** What comes after the last slice of a phase. */
const following: Record<PrefillPhase, PrefillPhase> = {
  embedding: "projection",
  projection: "cache",
  cache: "attention",
  attention: "feed-forward",
  "feed-forward": "projection",
  logits: "logits",
};

/** Measures the slices of one prefill by phase, so that it can be said how long the next one will take. */
export class SliceClock {
  readonly #longest = new Map<PrefillPhase, number>();
  readonly #unfinished: { readonly phase: PrefillPhase; readonly fence: Fence }[] = [];
  #last = 0;

  /** @param atOnce slices that the device is given at once: with two, a GPU has the next one when it has done one. */
  constructor(private readonly atOnce: number) {}

  /** Others have had their turn, and waited for everything before it. */
  begin(): void {
    this.#unfinished.length = 0;
    this.#last = performance.now();
  }

  /** Takes a slice that was issued; resolves when the device has room for another. The first of a phase runs by itself. */
  async issued(phase: PrefillPhase, fence: Fence): Promise<void> {
    this.#unfinished.push({ phase, fence });
    const most = this.#longest.has(phase) ? this.atOnce - 1 : 0;
    do {
      if (this.#unfinished.length > most) await this.#finish();
      // Whatever happened, the event loop gets its turn.
      await setImmediate();
    } while (this.#unfinished.length > most);
  }

  /** Milliseconds that what is unfinished and one slice after `phase` will take, by the longest ones so far. */
  expected(phase: PrefillPhase): number {
    // A phase that was not seen yet may well be the longest.
    const of = (each: PrefillPhase) => this.#longest.get(each) ?? 4 * Math.max(0, ...this.#longest.values());
    return this.#unfinished.reduce((sum, slice) => sum + of(slice.phase), 0) + Math.max(of(phase), of(following[phase]));
  }

  async #finish(): Promise<void> {
    const { phase, fence } = this.#unfinished.shift()!;
    await fence.wait();
    const now = performance.now();
    this.#longest.set(phase, Math.max(this.#longest.get(phase) ?? 0, now - this.#last));
    this.#last = now;
  }
}
