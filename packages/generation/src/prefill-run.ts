import type { Tensor } from "@elastic-attention/tensor";
import type { DecoderModel, PrefillOptions, SequenceRouting } from "@elastic-attention/transformer";
import type { GenerationEvent } from "./generation-request.js";

/** A prefill that ended; the logits are f32 [1, vocabulary]. */
export interface FinishedPrefill extends Disposable {
  readonly logits: Tensor;
  readonly routing: SequenceRouting;
  /** From the start until the device was done. */
  readonly seconds: number;
}

/** The consumer left while the prefill ran: its way to stop between two layers. Never seen outside. */
class LeftEarly extends Error {}

/** A running prefill of one sequence whose progress can be iterated. It computes on while nobody looks. */
export class PrefillRun {
  readonly #queue: GenerationEvent[] = [];
  readonly #running: Promise<FinishedPrefill>;
  #wake: (() => void) | undefined;
  #ended = false;
  #left = false;
  #taken = false;

  /** Starts it. */
  constructor(
    private readonly model: DecoderModel,
    private readonly options: PrefillOptions,
  ) {
    this.#running = this.#run();
    const end = () => {
      this.#ended = true;
      this.#wake?.();
    };
    this.#running.then(end, end);
  }

  /** Ends with the prefill, also with a failed one: {@link result} then throws. */
  async *progress(): AsyncGenerator<GenerationEvent, void, undefined> {
    for (;;) {
      for (let event = this.#queue.shift(); event !== undefined; event = this.#queue.shift()) yield event;
      if (this.#ended) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** The caller disposes it. */
  async result(): Promise<FinishedPrefill> {
    const result = await this.#running;
    this.#taken = true;
    return result;
  }

  /** Stops after the layer that is being computed, and frees a result that nobody took. */
  async stop(): Promise<void> {
    this.#left = true;
    try {
      const result = await this.#running;
      if (!this.#taken) result[Symbol.dispose]();
    } catch {
      // Whoever asks for the result is told.
    }
  }

  async #run(): Promise<FinishedPrefill> {
    const begun = performance.now();
    const promptTokens = this.options.sequences[0]!.tokens.length;
    const { logits, routing } = await this.model.prefill({
      ...this.options,
      onProgress: (layersDone, layersTotal) => {
        if (this.#left) throw new LeftEarly();
        this.options.onProgress?.(layersDone, layersTotal);
        this.#queue.push({ type: "progress", layersDone, layersTotal, promptTokens });
        this.#wake?.();
      },
    });
    try {
      await this.model.backend.synchronize();
    } catch (error) {
      logits.dispose();
      throw error;
    }
    const seconds = (performance.now() - begun) / 1000;
    return { logits, routing: routing[0]!, seconds, [Symbol.dispose]: () => logits.dispose() };
  }
}
