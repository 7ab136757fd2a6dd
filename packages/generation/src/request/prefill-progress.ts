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

type ProgressEvent = Extract<GenerationEvent, { type: "progress" }>;

/** What of a prefill is worth an event: every layer once, and in between something every now and then. */
export class PrefillProgress {
  #layersTold = 0;
  #processedTokens = 0;
  #toldAt = performance.now();

  constructor(private readonly promptTokens: number) {}

  /** The next event; undefined where there is nothing new. */
  next({ layersDone, layersTotal, layerShare, tokensBefore, tokens }: PrefillState, cachedTokens: number): ProgressEvent | undefined {
    const share = Math.min(1, (layersDone + (layersDone < layersTotal ? layerShare : 0)) / layersTotal);
    // A prompt that is read again has told of this already.
    const processed = Math.max(this.#processedTokens, Math.min(this.promptTokens, cachedTokens + tokensBefore + Math.floor(tokens * share)));
    const isLayer = layersDone > this.#layersTold;
    const isDue = processed > this.#processedTokens && (performance.now() - this.#toldAt >= interval || (processed === this.promptTokens && this.#layersTold === layersTotal));
    if (!isLayer && !isDue) return undefined;
    this.#layersTold = Math.max(layersDone, this.#layersTold);
    this.#processedTokens = processed;
    this.#toldAt = performance.now();
    return { type: "progress", layersDone: this.#layersTold, layersTotal, promptTokens: this.promptTokens, processedTokens: processed, cachedTokens };
  }
}
