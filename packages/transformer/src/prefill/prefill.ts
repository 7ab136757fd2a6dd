import { MemoryScope } from "@elastic-attention/core";
import type { AttentionObserver } from "@elastic-attention/router";
import type { Fence, Tensor } from "@elastic-attention/tensor";
import { cachedPass } from "../layer/cached-pass.js";
import { decoderLayer, type LayerPhase, type RowRange } from "../layer/decoder-layer.js";
import { beginForward, type DecoderCore, type ForwardPass } from "../layer/forward-pass.js";
import { rotaryLengthOf } from "../layer/sequence-batch.js";
import { logitsOf } from "../layer/logits.js";
import { rowChunks } from "../memory/workspace.js";
import { gatherCounts } from "../parallel/gather-routing.js";
import { PrefillAttention } from "./prefill-attention.js";
import type { PrefillSequence } from "./prefill-pass.js";
import { RoutingRecord, type SequenceRouting } from "./routing-record.js";

/** What a slice of a prefill did. */
export type PrefillPhase = "embedding" | LayerPhase | "logits";

/** What a prefill gives for one of its sequences. */
export interface SequencePrefill {
  /** f32 [rows, vocabulary]: its last rows, a view of the result's logits. */
  readonly logits: Tensor;
  readonly routing: SequenceRouting;
}

export interface PrefillResult {
  /** f32 [rows, vocabulary]: the last `logitsRows` rows of each sequence, in order. The caller disposes it. */
  readonly logits: Tensor;
  /** One for each sequence, in order. */
  readonly sequences: readonly SequencePrefill[];
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
  readonly #record: RoutingRecord;
  #layersDone = 0;
  #phase: PrefillPhase = "embedding";
  #result: PrefillResult | undefined;

  /** Allocates nothing yet. */
  constructor(
    private readonly core: DecoderCore,
    private readonly settings: PrefillSettings,
  ) {
    this.layersTotal = core.weights.layers.length;
    this.#record = this.#scope.track(new RoutingRecord(core.spec.numQueryHeads, (counts) => gatherCounts(core, counts)));
    this.#slices = this.#run();
  }

  get layersDone(): number {
    return this.#layersDone;
  }

  /** Modes of a sequence's heads in one of the {@link layersDone}, [kvHead]; empty in a layer whose mode the model fixes. */
  assignmentOf(sequence: number, layer: number): readonly number[] {
    return this.#record.assignmentOf(sequence, layer);
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
    // All of it, also when the backend fails at a part; last first.
    using ending = new MemoryScope();
    if (this.#result === undefined) for (const { cache } of this.settings.sequences) ending.track(cache);
    ending.track(this.#scope);
    // Ends the generator where it stands, so that what a layer holds goes too.
    ending.track({ [Symbol.dispose]: () => void this.#slices.return(undefined as never) });
  }

  #read(readLogits: LogitsReader, pass: ForwardPass, ranges: readonly RowRange[], start: number): void {
    using logits = logitsOf(pass, ranges);
    readLogits(logits, start);
  }

  *#run(): Generator<PrefillPhase, PrefillResult> {
    const { sequences, observer, logitsRows = 1, readLogits } = this.settings;
    const started = beginForward(this.core, sequences, this.#scope, { keepQueries: observer?.afterAttention !== undefined });
    const pass = { ...started, routers: sequences.map(({ router }) => router), observer };
    yield "embedding";
    const record = this.#record;
    const layers = cachedPass(pass, (layer) => new PrefillAttention(pass, layer, () => this.slicePairs, record));
    for (const [layer, weights] of this.core.weights.layers.entries()) {
      yield* decoderLayer(layers, weights, layer);
      this.#layersDone = layer + 1;
      yield "feed-forward";
    }
    const told = toldRows(pass, sequences);
    if (readLogits !== undefined) {
      for (const [start, ranges] of rangesAtOnce(told, rowsAtOnce)) {
        this.#read(readLogits, pass, ranges, start);
        yield "logits";
      }
    }
    using owned = new MemoryScope();
    const ranges = told.map(([first, last]): RowRange => [Math.max(first, last - logitsRows), last]);
    const logits = owned.track(logitsOf(pass, ranges));
    const routing = record.waitForRouting();
    for (const sequence of sequences) {
      const { cache, tokens } = sequence;
      const length = rotaryLengthOf(sequence);
      cache.advance(tokens.length);
      this.core.histories.add(cache, tokens, length);
    }
    this.#scope.dispose();
    owned.move();
    let end = 0;
    const views = ranges.map(([first, last]) => logits.rows(end, (end += last - first)));
    return { logits, sequences: routing.map((each, index) => ({ logits: views[index]!, routing: each })) };
  }
}

/** The rows of each sequence that its caller gave. */
function toldRows({ batch: { offsets } }: ForwardPass, sequences: readonly PrefillSequence[]): RowRange[] {
  return sequences.map(({ readAgain = 0 }, index) => [offsets[index]! + readAgain, offsets[index + 1]!]);
}

/** Ranges of rows that have so many in all, and how many rows came before each of these groups. */
function* rangesAtOnce(ranges: readonly RowRange[], rows: number): Generator<readonly [start: number, ranges: readonly RowRange[]]> {
  const total = ranges.reduce((sum, [first, end]) => sum + end - first, 0);
  for (const [from, to] of rowChunks(total, rows)) {
    const group: RowRange[] = [];
    let before = 0;
    for (const [first, end] of ranges) {
      const [start, stop] = [Math.max(first, first + from - before), Math.min(end, first + to - before)];
      if (start < stop) group.push([start, stop]);
      before += end - first;
    }
    yield [from, group];
  }
}
