import type { GenerationEvent } from "./generation-request.js";

/** How far a prefill is. */
export interface PrefillState {
  readonly layersDone: number;
  readonly layersTotal: number;
  /** What is done of the layer that runs, as far as one can tell, 0 to 1. */
  readonly layerShare: number;
  /** Tokens of the prompt that were read by earlier parts, and those of the part that is read now. */
  readonly tokensBefore: number;
  readonly tokens: number;
}

/** How often a long layer is told of, in milliseconds. */
const interval = 100;

type Progress = Extract<GenerationEvent, { type: "progress" }>;

/** What of a prefill is worth an event: every layer once, and in between something every now and then. */
export class PrefillProgress {
  #layersTold = 0;
  #processedTokens = 0;
  #toldAt = performance.now();

  constructor(private readonly promptTokens: number) {}

  /**
   * The events for what is new, if anything is. A prompt that is read again has been told of already.
   * @param headsOf modes of a layer's heads
   */
  next(state: PrefillState, cachedTokens: number, headsOf: (layer: number) => readonly number[]): Progress[] {
    const { layersDone, layersTotal, layerShare } = state;
    const events: Progress[] = [];
    while (this.#layersTold < layersDone) {
      const heads = headsOf(this.#layersTold);
      this.#layersTold += 1;
      events.push({ ...this.#event(this.#layersTold, state, cachedTokens), heads });
    }
    if (events.length === 0 && this.#layersTold > 0) {
      const event = this.#event(layersDone === layersTotal ? layersDone : layersDone + layerShare, state, cachedTokens);
      const isEnd = event.processedTokens === this.promptTokens && layersDone === layersTotal;
      if (event.processedTokens > this.#processedTokens && (isEnd || performance.now() - this.#toldAt >= interval)) events.push(event);
    }
    const last = events.at(-1);
    if (last !== undefined) {
      this.#processedTokens = last.processedTokens;
      this.#toldAt = performance.now();
    }
    return events;
  }

  #event(layers: number, { layersTotal, tokensBefore, tokens }: PrefillState, cachedTokens: number): Progress {
    const done = cachedTokens + tokensBefore + Math.floor((tokens * layers) / layersTotal);
    const processedTokens = Math.max(this.#processedTokens, Math.min(this.promptTokens, done));
    return { type: "progress", layersDone: this.#layersTold, layersTotal, promptTokens: this.promptTokens, processedTokens, cachedTokens };
  }
}
