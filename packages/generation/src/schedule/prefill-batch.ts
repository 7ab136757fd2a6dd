import { setImmediate } from "node:timers/promises";
import type { Fence, Tensor } from "@elastic-attention/tensor";
import { type DecoderModel, type Draw, drawTokens, type Prefill, type SequenceRouting } from "@elastic-attention/transformer";
import type { ActiveRequest } from "../request/active-request.js";
import type { Reading } from "./decide-step.js";
import { SliceClock } from "./slice-clock.js";

/** An answer that has its memory and its first token, or why it has not. */
export interface ForkedAnswer {
  readonly request: ActiveRequest;
  readonly start: { readonly routing: SequenceRouting; readonly draws: readonly Draw[] | undefined } | { readonly error: unknown };
}

/** What a prefill has found for its requests, in their order. */
export interface PrefillEnd {
  /** The first token of each; undefined where none wants any. */
  readonly draws: readonly (readonly Draw[])[] | undefined;
  readonly routing: readonly SequenceRouting[];
  /** Each request's share of the time, by tokens. */
  readonly seconds: readonly number[];
}

/** Prompts of one or several requests that are read in one prefill. Disposed before its end, it empties their caches. */
export class PrefillBatch implements Disposable {
  /** Answers that begin with a copy of what another one of their request has read; {@link end} starts them. */
  readonly forked: ForkedAnswer[] = [];
  #prefill: Prefill;
  readonly #clock: SliceClock;
  readonly #fences: Fence[] = [];
  readonly #begun = performance.now();
  /** Of the part that the routers decided on. */
  #assignments: readonly SequenceRouting[] | undefined;
  #readTokens: readonly number[];
  /** Of the part that is read now. */
  #partTokens: readonly number[];
  /** The layer that runs, and how many steps it and the one before have taken. */
  #layer = { index: 0, steps: 0, expected: 0 };
  #interruptedSeconds = 0;
  #disposed = false;

  /** @throws PromptError, OutOfMemoryError */
  constructor(
    private readonly decoder: DecoderModel,
    /** Started requests. */
    readonly requests: readonly ActiveRequest[],
  ) {
    this.#clock = new SliceClock(decoder.backend.device.workSizes.slicesInFlight);
    const sequences = requests.map((request) => request.nextPart()!);
    this.#readTokens = sequences.map(({ tokens }) => tokens.length);
    this.#partTokens = this.#readTokens;
    this.#prefill = decoder.startPrefill({ sequences });
  }

  /** Others took a decode step while this prefill ran. */
  interrupt(seconds: number): void {
    this.#interruptedSeconds += seconds;
  }

  /**
   * Issues slices, as far as `reading` says.
   * @returns whether the prompts have been read to their end; false too when this was disposed meanwhile
   */
  async read(reading: Reading, budgetMilliseconds: number): Promise<boolean> {
    const begun = performance.now();
    this.#clock.begin();
    while (!this.#disposed) {
      const prefill = this.#prefill;
      const layers = prefill.layersDone;
      prefill.slicePairs = reading === "budget" ? this.decoder.backend.device.workSizes.slicePairs : Infinity;
      const isDone = !prefill.step();
      this.#tellProgress();
      if (isDone && !this.#goOn()) return true;
      if (reading === "budget") {
        await this.#clock.issued(prefill.phase, prefill.fence());
        if (performance.now() - begun + this.#clock.expected(prefill.phase) > budgetMilliseconds) return false;
        continue;
      }
      // The device gets one layer ahead at most, so that an abort ends within one.
      if (prefill.layersDone > layers) this.#fences.push(prefill.fence());
      while (this.#fences.length > 1) await this.#fences.shift()!.wait();
      if (reading === "slice") return false;
      await setImmediate();
    }
    return false;
  }

  /** Draws the first tokens; call it once, when {@link read} returned true. */
  end(): PrefillEnd {
    const { logits, sequences } = this.#prefill.result;
    const routing = sequences.map((sequence) => sequence.routing);
    using owned = logits;
    const wanted = this.requests.some(({ wantsTokens }) => wantsTokens);
    // Before the clock stops: on a GPU the work is done when a token is there.
    const draws = wanted ? drawTokens(owned, this.requests.map(({ sampler }) => ({ sampler }))) : undefined;
    const total = (performance.now() - this.#begun) / 1000 - this.#interruptedSeconds;
    for (const [row, request] of this.requests.entries()) this.#fork(request, owned.rows(row, row + 1), routing[row]!);
    const tokens = this.#readTokens.reduce((sum, count) => sum + count, 0);
    const assignments = this.#assignments;
    return {
      draws,
      routing: assignments === undefined ? routing : routing.map((each, index) => ({ ...each, assignment: assignments[index]!.assignment })),
      seconds: this.#readTokens.map((count) => (total * count) / tokens),
    };
  }

  /** Starts the other answers of a request whose prompt was read. @param logits f32 [1, vocabulary] of the prompt's last token */
  #fork(reader: ActiveRequest, logits: Tensor, routing: SequenceRouting): void {
    for (const request of reader.group.takeWaiting(reader)) {
      try {
        request.startFrom(reader);
        const draws = request.wantsTokens ? drawTokens(logits, [{ sampler: request.sampler }])[0] : undefined;
        this.forked.push({ request, start: { routing, draws } });
      } catch (error) {
        this.forked.push({ request, start: { error } });
      }
    }
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#prefill[Symbol.dispose]();
  }

  #tellProgress(): void {
    const prefill = this.#prefill;
    const { layersDone, layersTotal } = prefill;
    const assignments = this.#assignments;
    if (layersDone === this.#layer.index) this.#layer.steps += 1;
    else this.#layer = { index: layersDone, steps: 0, expected: this.#layer.steps };
    // A layer takes about as many steps as the one before.
    const { steps, expected } = this.#layer;
    const layerShare = expected === 0 ? 0 : Math.min(1, steps / expected);
    for (const [row, request] of this.requests.entries()) {
      const tokens = this.#partTokens[row]!;
      const state = { layersDone, layersTotal, layerShare, tokensBefore: this.#readTokens[row]! - tokens, tokens };
      request.tellProgress(state, (layer) => assignments?.[row]?.assignment[layer] ?? prefill.assignmentOf(row, layer));
    }
  }

  /** Begins with the next part of a prompt that is read in two: under the plan of the first. */
  #goOn(): boolean {
    const [request] = this.requests;
    const next = this.requests.length === 1 ? request!.nextPart() : undefined;
    if (next === undefined) return false;
    const { logits, sequences } = this.#prefill.result;
    logits.dispose();
    this.#assignments = sequences.map(({ routing }) => routing);
    this.#readTokens = [this.#readTokens[0]! + next.tokens.length];
    this.#partTokens = [next.tokens.length];
    this.#prefill[Symbol.dispose]();
    this.#prefill = this.decoder.startPrefill({ sequences: [next] });
    return true;
  }
}
