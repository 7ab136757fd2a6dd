import { MemoryScope } from "@elastic-attention/core";
import { rotaryTables, type Tensor } from "@elastic-attention/tensor";
import { inverseFrequencies } from "../../model/rope/frequencies.js";
import { attentionFactor, type RopeSpec } from "../../model/rope/rope-spec.js";
import { type ModelRotations, type RotatedSide, shareTable } from "./model-rotations.js";
import { queryFactor, rotaryRows } from "./rotary-rows.js";
import type { RotaryTables } from "./rotary-table.js";

/** One sequence of a pass: its rows, and where they stand in it. */
export interface RotatedSequence {
  /** First row in the pass. */
  readonly start: number;
  readonly rows: number;
  /** Position of the first row. */
  readonly position: number;
  /** Length that the angles are chosen for, where they depend on it; at least position + rows. */
  readonly length: number;
}

/** Rows of a pass as they are rotated. */
export interface RotatedBatch {
  /** i32 [rows]: position of each row in its sequence. */
  readonly positions: Tensor;
  /** One past the largest position. */
  readonly longest: number;
  readonly rotated: readonly RotatedSequence[];
}

/** How the queries and keys of a layer turn: row r of a pass by row positions[r] of the tables. */
export interface Rotation {
  readonly rope: RopeSpec;
  readonly positions: Tensor;
  readonly query: RotaryTables;
  readonly key: RotaryTables;
}

/**
 * The rotations of one pass. Where its sequences share a table, that is the model's; where each has angles of its own (dynamic
 * scaling, or longrope on both sides of the original length), the pass has tables with a row for each of its rows.
 */
export class BatchRotations implements Disposable {
  readonly #own = new Map<RopeSpec, Rotation>();
  readonly #scope = new MemoryScope();

  constructor(
    private readonly model: ModelRotations,
    private readonly batch: RotatedBatch,
  ) {}

  /** Of a layer; undefined where it has no positions. Asked for in every layer, as tables may grow between two slices of a prefill. */
  of(layer: number): Rotation | undefined {
    const { batch, model } = this;
    const rope = model.ropeOf(layer);
    if (rope === undefined) return undefined;
    const lengths = batch.rotated.map(({ length }) => length);
    if (!shareTable(rope, lengths)) return this.#ownRotation(rope);
    const longest = Math.max(0, ...lengths);
    const tables = (side: RotatedSide) => model.table(rope, side, longest).tables(batch.longest);
    return { rope, positions: batch.positions, query: tables("query"), key: tables("key") };
  }

  [Symbol.dispose](): void {
    this.#scope.dispose();
    this.#own.clear();
  }

  #ownRotation(rope: RopeSpec): Rotation {
    let rotation = this.#own.get(rope);
    if (rotation === undefined) {
      const { backend, spec } = this.model;
      const rows = this.batch.positions.numRows;
      const positions = this.#scope.track(backend.upload(Int32Array.from({ length: rows }, (_, row) => row), [rows], "i32"));
      const keys = this.#tables(rope, rows, "key");
      rotation = { rope, positions, key: keys, query: spec.queryScaling === undefined ? keys : this.#tables(rope, rows, "query") };
      this.#own.set(rope, rotation);
    }
    return rotation;
  }

  #tables(rope: RopeSpec, rows: number, side: RotatedSide): RotaryTables {
    const { backend, spec } = this.model;
    const scale = attentionFactor(rope);
    const queryScaling = side === "query" ? spec.queryScaling : undefined;
    const allocate = () => this.#scope.track(backend.allocate([rows, rope.rotatedDim / 2], "f32"));
    const tables = { cosine: allocate(), sine: allocate() };
    for (const { start, rows: count, position, length } of this.batch.rotated) {
      const frequencies = inverseFrequencies(rope, length);
      const [cosine, sine] = [tables.cosine.rows(start, start + count), tables.sine.rows(start, start + count)];
      if (position === 0 && queryScaling === undefined) {
        using radians = backend.upload(frequencies, [frequencies.length], "f32");
        backend.kernels.run(rotaryTables, { frequencies: radians, scale, cosine, sine });
      } else {
        const made = rotaryRows(frequencies, position, count, (at) => scale * queryFactor(queryScaling, at));
        backend.write(cosine, made.cosine);
        backend.write(sine, made.sine);
      }
    }
    return tables;
  }
}
