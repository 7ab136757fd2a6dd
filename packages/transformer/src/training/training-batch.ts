import { MemoryScope } from "@elastic-attention/core";
import { headStores, type LayerCache } from "@elastic-attention/attention";
import type { Backend, Tape, Tensor } from "@elastic-attention/tensor";
import type { RowRange } from "../layer/decoder-layer.js";
import type { RotatedBatch, RotatedSequence } from "../layer/rotation/batch-rotations.js";
import { rowChunks } from "../memory/workspace.js";
import type { ModelSpec } from "../model/model-spec.js";
import type { TrainingPack } from "./training-step.js";

/** A pack on a backend. */
export class TrainingBatch implements RotatedBatch, Disposable {
  readonly numRows: number;
  readonly numSegments: number;
  /** Segment i is rows offsets[i] to offsets[i + 1]. */
  readonly offsets: readonly number[];
  /** i32 [rows]. */
  readonly ids: Tensor;
  /** i32 [rows]: position of each token in its segment. */
  readonly positions: Tensor;
  /** i32 [rows]. */
  readonly targets: Tensor;
  /** Tokens of the longest segment. */
  readonly longest: number;
  readonly rotated: readonly RotatedSequence[];
  /** Row range of each segment. */
  readonly segments: readonly RowRange[];
  /** Row ranges of at most `chunkRows`. */
  readonly chunks: readonly RowRange[];
  readonly #scope = new MemoryScope();

  /** @param chunkRows rows that norms, projections and the MLP take at a time. */
  constructor(
    backend: Backend,
    readonly pack: TrainingPack,
    readonly chunkRows: number,
  ) {
    const { tokens, offsets, targets } = pack;
    this.numRows = tokens.length;
    this.numSegments = offsets.length - 1;
    this.offsets = offsets;
    this.segments = Array.from({ length: this.numSegments }, (_, index) => [offsets[index]!, offsets[index + 1]!]);
    this.chunks = rowChunks(this.numRows, chunkRows);
    const positions = new Int32Array(this.numRows);
    let longest = 0;
    for (const [start, end] of this.segments) {
      for (let row = start; row < end; row++) positions[row] = row - start;
      longest = Math.max(longest, end - start);
    }
    this.longest = longest;
    this.rotated = this.segments.map(([start, end]) => ({ start, rows: end - start, position: 0, length: end - start }));
    const upload = (values: Int32Array) => this.#scope.track(backend.upload(values, [this.numRows], "i32"));
    try {
      this.ids = upload(tokens);
      this.positions = upload(positions);
      this.targets = upload(targets);
    } catch (error) {
      this.#scope.dispose();
      throw error;
    }
  }

  /** Empty caches of one layer, one for each segment, in two tensors of the tape; every slot will hold a token. */
  caches(tape: Tape, spec: ModelSpec, dtype: Tensor["dtype"]) {
    const { numKeyValueHeads, headDim } = spec;
    const shape = [this.numRows * numKeyValueHeads, headDim];
    const [keys, values] = [tape.allocate(shape, dtype), tape.allocate(shape, dtype)];
    const caches = this.segments.map(([start, end]): LayerCache => {
      const slots = [start * numKeyValueHeads, end * numKeyValueHeads] as const;
      const retentions = Array.from({ length: numKeyValueHeads }, () => ({ type: "all" }) as const);
      const heads = headStores(retentions, end - start, 0);
      return { numKeyValueHeads, headDim, length: end - start, keys: keys.rows(...slots), values: values.rows(...slots), heads };
    });
    return { keys, values, caches };
  }

  [Symbol.dispose](): void {
    this.#scope.dispose();
  }
}
