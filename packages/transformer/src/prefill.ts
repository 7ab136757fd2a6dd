import { MemoryScope } from "@elastic-attention/core";
import type { AttentionMode, BlockCount } from "@elastic-attention/attention";
import type { AttentionObserver } from "@elastic-attention/router";
import type { Fence, Tensor } from "@elastic-attention/tensor";
import type { AttentionContext } from "./attention-block.js";
import { beginForward, type DecoderCore, lastLogits, logitsOf } from "./decoder-core.js";
import type { PendingBlockCount } from "./pending-block-count.js";
import { prefillLayer, type PrefillPhase } from "./prefill-layer.js";
import type { PrefillSequence } from "./sequence-batch.js";

/** Routing of one sequence over all layers. */
export interface SequenceRouting {
  /** [layer][kvHead]. */
  readonly modes: readonly (readonly AttentionMode[])[];
  /** [layer][kvHead]: 0 is the retrieval mode. */
  readonly assignment: readonly (readonly number[])[];
  /** One for each layer, summed over heads. */
  readonly blocks: readonly BlockCount[];
}

export interface PrefillResult {
  /** f32 [rows, vocabulary]: the last `logitsRows` rows of each sequence, in order. The caller disposes it. */
  readonly logits: Tensor;
  readonly routing: readonly SequenceRouting[];
}

export interface PrefillSettings {
  readonly sequences: readonly PrefillSequence[];
  /** Rows of logits for each sequence, counted from its end; default 1, at most its tokens. */
  readonly logitsRows?: number;
  readonly observer?: AttentionObserver;
  /** Reads the logits of all rows, some hundreds at a time, so that the whole of them is never in memory. */
  readonly readLogits?: LogitsReader;
}

/**
 * @param logits f32 [rows, vocabulary]; gone when the reader returns
 * @param start row of the first among all rows of all sequences, in order
 */
export type LogitsReader = (logits: Tensor, start: number) => void;

/** Rows of logits that a {@link LogitsReader} gets at a time. */
const rowsAtOnce = 512;

interface GrowingRouting {
  readonly modes: (readonly AttentionMode[])[];
  readonly assignment: (readonly number[])[];
  readonly blocks: PendingBlockCount[];
}

/**
 * A prefill that is run slice by slice, so that others can run in between; its layers take all tokens at once. Disposed
 * before its end, or after a failure, it gives all memory back and empties the caches of its sequences.
 */
export class Prefill implements Disposable {
  /** Query-key pairs, summed over key-value heads, that one slice of the attention may take; infinite: all at once. */
  slicePairs = Infinity;
  readonly layersTotal: number;
  readonly #scope = new MemoryScope();
  readonly #slices: Generator<PrefillPhase, PrefillResult>;
  #layersDone = 0;
  #phase: PrefillPhase = "embedding";
  #result: PrefillResult | undefined;

  /** Allocates nothing yet. */
  constructor(
    private readonly core: DecoderCore,
    private readonly settings: PrefillSettings,
  ) {
    this.layersTotal = core.weights.layers.length;
    this.#slices = this.#run();
  }

  get layersDone(): number {
    return this.#layersDone;
  }

  /** What the last slice did. */
  get phase(): PrefillPhase {
    return this.#phase;
  }

  /** Once {@link step} returned false. The logits are the caller's to dispose. */
  get result(): PrefillResult {
    if (this.#result === undefined) throw new Error("The prefill is not done.");
    return this.#result;
  }

  /**
   * Issues the next slice. On a failure the prefill is over, its memory is back and its caches are empty.
   * @returns whether there is more to do
   * @throws OutOfMemoryError
   */
  step(): boolean {
    try {
      const slice = this.#slices.next();
      if (slice.done !== true) {
        this.#phase = slice.value;
        return true;
      }
      this.#phase = "logits";
      // Undefined when the prefill has been disposed.
      this.#result ??= slice.value as PrefillResult | undefined;
      return false;
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** See `Backend.fence`. */
  fence(): Fence {
    return this.core.backend.fence();
  }

  [Symbol.dispose](): void {
    // Ends the generator where it stands, so that what a layer holds goes too.
    this.#slices.return(undefined as never);
    this.#scope.dispose();
    if (this.#result !== undefined) return;
    for (const { cache } of this.settings.sequences) cache.dispose();
  }

  #read(readLogits: LogitsReader, context: AttentionContext, start: number): void {
    using logits = logitsOf(this.core, context, [[start, Math.min(start + rowsAtOnce, context.batch.numTokens)]]);
    readLogits(logits, start);
  }

  *#run(): Generator<PrefillPhase, PrefillResult> {
    const { sequences, observer, logitsRows = 1, readLogits } = this.settings;
    const started = beginForward(this.core, sequences, this.#scope, observer?.afterAttention !== undefined);
    const context = observer === undefined ? started : { ...started, observer };
    yield "embedding";
    const routing: GrowingRouting[] = sequences.map(() => ({ modes: [], assignment: [], blocks: [] }));
    for (const [layer, weights] of this.core.weights.layers.entries()) {
      const result = yield* prefillLayer(context, weights, layer, () => this.slicePairs, this.#scope);
      for (const [index, { modes, assignment, blocks }] of routing.entries()) {
        modes.push(result.modes[index]!);
        assignment.push(result.assignment[index]!);
        blocks.push(result.blocks[index]!);
      }
      this.#layersDone = layer + 1;
      yield "feed-forward";
    }
    if (readLogits !== undefined) {
      for (let start = 0; start < context.batch.numTokens; start += rowsAtOnce) {
        this.#read(readLogits, context, start);
        yield "logits";
      }
    }
    using logits = new MemoryScope();
    const last = logits.track(lastLogits(this.core, context, logitsRows));
    const counted = routing.map(({ modes, assignment, blocks }) => ({ modes, assignment, blocks: blocks.map((count) => count.read()) }));
    for (const { cache, tokens } of sequences) cache.advance(tokens.length);
    this.#scope.dispose();
    logits.move();
    return { logits: last, routing: counted };
  }
}
