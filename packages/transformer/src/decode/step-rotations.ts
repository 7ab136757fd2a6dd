import type { DecodeRotation } from "@elastic-attention/attention";
import { MemoryScope } from "@elastic-attention/core";
import type { Tensor } from "@elastic-attention/tensor";
import type { ModelRotations, RotatedSide } from "../layer/rotation/model-rotations.js";
import { queryFactor, rotaryRows } from "../layer/rotation/rotary-rows.js";
import { inverseFrequencies } from "../model/rope/frequencies.js";
import { attentionFactor, lengthDependsBeyond, type RopeSpec } from "../model/rope/rope-spec.js";

/** Of every layer; undefined in one without positions. */
export type LayerRotations = readonly (DecodeRotation | undefined)[];

/**
 * How the layers rotate in the decode steps of a captured graph. Where the angles are those of a position, the graph reads the
 * model's tables; where they depend on how far a sequence has come (dynamic scaling, longrope), each slot has a row of its
 * own at a fixed place, written before every step.
 */
export class StepRotations implements Disposable {
  readonly #slotRows = new Map<RopeSpec, Record<RotatedSide, Tensor>>();
  readonly #scope = new MemoryScope();

  /** @throws OutOfMemoryError */
  constructor(
    private readonly model: ModelRotations,
    private readonly slots: number,
  ) {
    try {
      for (const { rope } of model.spec.layers) {
        if (rope === undefined || lengthDependsBeyond(rope) === undefined || this.#slotRows.has(rope)) continue;
        this.#slotRows.set(rope, this.#allocate(rope));
      }
    } catch (error) {
      this.#scope.dispose();
      throw error;
    }
  }

  /**
   * Brings the angles of a step to the backend.
   *
   * @param lengths of each token of the step: what it sees, itself included
   * @returns the rotation of every layer; undefined in one without positions
   * @throws OutOfMemoryError
   */
  update(lengths: readonly number[]): LayerRotations {
    for (const [rope, rows] of this.#slotRows) this.#write(rope, rows, lengths);
    const longest = Math.max(1, ...lengths);
    return this.model.spec.layers.map(({ rope }) => (rope === undefined ? undefined : this.#rotation(rope, longest)));
  }

  [Symbol.dispose](): void {
    this.#scope.dispose();
  }

  #rotation(rope: RopeSpec, longest: number): DecodeRotation {
    const rows = this.#slotRows.get(rope);
    if (rows === undefined) {
      const tables = (side: RotatedSide) => this.model.table(rope, side).tables(longest);
      return { pairs: rope.pairs, rowOf: "position", query: tables("query"), key: tables("key") };
    }
    return { pairs: rope.pairs, rowOf: "slot", query: this.#halves(rows.query), key: this.#halves(rows.key) };
  }

  /** Cosines, then sines, of all slots in one tensor: one copy a step. */
  #allocate({ rotatedDim }: RopeSpec): Record<RotatedSide, Tensor> {
    const { backend, spec } = this.model;
    const allocate = () => this.#scope.track(backend.allocate([2 * this.slots, rotatedDim / 2], "f32"));
    const key = allocate();
    return { key, query: spec.queryScaling === undefined ? key : allocate() };
  }

  #halves(rows: Tensor) {
    return { cosine: rows.rows(0, this.slots), sine: rows.rows(this.slots, 2 * this.slots) };
  }

  #write(rope: RopeSpec, { key, query }: Record<RotatedSide, Tensor>, lengths: readonly number[]): void {
    const { backend, spec } = this.model;
    const pairs = rope.rotatedDim / 2;
    const scale = attentionFactor(rope);
    for (const [side, target] of [["key", key], ["query", query]] as const) {
      if (side === "query" && query === key) continue;
      const values = new Float32Array(target.numElements);
      for (const [slot, length] of lengths.entries()) {
        const { cosine, sine } = rotaryRows(inverseFrequencies(rope, length), length - 1, 1, (at) => scale * (side === "query" ? queryFactor(spec.queryScaling, at) : 1));
        values.set(cosine, slot * pairs);
        values.set(sine, (this.slots + slot) * pairs);
      }
      backend.write(target, values);
    }
  }
}

/** A rotation of tensors that have shapes alone, for kernels that are asked whether they take it. */
export function rotationShapes(rope: RopeSpec, tensor: (shape: readonly number[]) => Tensor): DecodeRotation {
  const angles = tensor([1, rope.rotatedDim / 2]);
  const tables = { cosine: angles, sine: angles };
  return { pairs: rope.pairs, rowOf: lengthDependsBeyond(rope) === undefined ? "position" : "slot", query: tables, key: tables };
}

/** Whether what was recorded with some tables can be replayed with others. Tables that grow are other tensors, also where they lie: their rows are recorded. */
export function haveSameTables(recorded: LayerRotations, now: LayerRotations): boolean {
  return now.every((rotation, layer) => {
    const [tables, others] = [rotation, recorded[layer]].map(tablesOf);
    return tables!.every((tensor, i) => tensor === others![i] || (rotation!.rowOf === "slot" && tensor.storage === others![i]?.storage));
  });
}

function tablesOf(rotation: DecodeRotation | undefined): readonly Tensor[] {
  return rotation === undefined ? [] : [rotation.query.cosine, rotation.query.sine, rotation.key.cosine, rotation.key.sine];
}
