import { ModelConfigError } from "@elastic-attention/core";
import type { Backend } from "@elastic-attention/tensor";
import type { ModelSpec } from "../../model/model-spec.js";
import { lengthDependsBeyond, type RopeSpec } from "../../model/rope/rope-spec.js";
import { RotaryTable } from "./rotary-table.js";

/** Whose rotation a table is for. */
export type RotatedSide = "query" | "key";

/** The rotary tables of a model: one for each way in which a layer may turn, shared by the layers that turn alike. */
export class ModelRotations implements Disposable {
  readonly #tables = new Map<RopeSpec, Map<string, RotaryTable>>();

  /** @throws ModelConfigError where queries are scaled that do not turn as a whole */
  constructor(
    readonly backend: Backend,
    readonly spec: Pick<ModelSpec, "layers" | "contextLength" | "headDim" | "queryScaling">,
  ) {
    const { layers, headDim, queryScaling } = spec;
    if (queryScaling !== undefined && layers.some(({ rope }) => rope?.rotatedDim !== headDim)) {
      throw new ModelConfigError("Queries are scaled by their position only where whole heads are rotated.");
    }
  }

  /** How a layer turns; undefined in a layer without positions. */
  ropeOf(layer: number): RopeSpec | undefined {
    return this.spec.layers[layer]!.rope;
  }

  /**
   * The table of a rope.
   *
   * @param length of the sequences that it is for; looked at where the angles depend on it
   */
  table(rope: RopeSpec, side: RotatedSide, length = 0): RotaryTable {
    const { contextLength } = this.spec;
    const queryScaling = side === "query" ? this.spec.queryScaling : undefined;
    const beyond = isBeyond(rope, length);
    let tables = this.#tables.get(rope);
    if (tables === undefined) this.#tables.set(rope, (tables = new Map<string, RotaryTable>()));
    const key = `${queryScaling === undefined ? "" : "scaled "}${beyond ? "beyond" : "within"}`;
    let table = tables.get(key);
    if (table === undefined) {
      const options = { rope, contextLength, queryScaling, length: beyond ? length : 0 };
      tables.set(key, (table = new RotaryTable(this.backend, options)));
    }
    return table;
  }

  /** Bytes that the tables take now. */
  get byteLength(): number {
    return this.#all().reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  [Symbol.dispose](): void {
    for (const table of this.#all()) table[Symbol.dispose]();
    this.#tables.clear();
  }

  #all(): RotaryTable[] {
    return [...this.#tables.values()].flatMap((tables) => [...tables.values()]);
  }
}

/** Whether a sequence of that length turns by other angles than one within the original context. */
export function isBeyond(rope: RopeSpec, length: number): boolean {
  const original = lengthDependsBeyond(rope);
  return original !== undefined && length > original;
}

/** Whether sequences of these lengths can share a table of their positions: with dynamic scaling each has its own base. */
export function shareTable(rope: RopeSpec, lengths: readonly number[]): boolean {
  const beyond = lengths.filter((length) => isBeyond(rope, length));
  return beyond.length === 0 || (rope.type === "longrope" && beyond.length === lengths.length);
}
