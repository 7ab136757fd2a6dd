import { type Backend, ShapeError, type Tensor } from "@elastic-attention/tensor";
import type { AttentionMode } from "./modes/attention-mode.js";
import { attentionModeDefinition } from "./modes/mode-registry.js";

/**
 * One layer's routing: which mode each key-value head of each sequence is in. `modes[0]` is the retrieval mode; model
 * sparsity counts the heads that are in any other. Made once, at prefill, and carried with the cache.
 */
export class HeadPlan implements Disposable {
  #host: Uint8Array | undefined;

  constructor(
    readonly modes: readonly AttentionMode[],
    /** u8 [sequences, kvHeads]: index into `modes`. Stays on the device; owned by the plan. */
    readonly assignment: Tensor,
    /** f32 [sequences, kvHeads, classes]: what a learned router decided from, if it did; owned by the plan. */
    readonly logits?: Tensor,
  ) {
    validateModes(modes);
  }

  /**
   * A plan from host data: one row of mode indices for each sequence.
   * @throws ShapeError for an index without a mode, InvalidModeError; `logits` then stays the caller's.
   */
  static fromHost(
    backend: Backend,
    modes: readonly AttentionMode[],
    rows: readonly ArrayLike<number>[],
    logits?: Tensor,
  ): HeadPlan {
    validateModes(modes);
    const numKeyValueHeads = rows[0]?.length ?? 0;
    const flat = new Uint8Array(rows.length * numKeyValueHeads);
    for (const [sequence, row] of rows.entries()) {
      if (row.length !== numKeyValueHeads) throw new ShapeError("Every sequence of a plan has the same heads.");
      // Checked before the bytes are stored: 256 would wrap to mode 0.
      const outside = Array.from(row).find((index) => !(Number.isInteger(index) && index >= 0 && index < modes.length));
      if (outside !== undefined) throw new ShapeError(`Mode index ${outside} in a plan of ${modes.length} modes.`);
      flat.set(Array.from(row), sequence * numKeyValueHeads);
    }
    const plan = new HeadPlan(modes, backend.upload(flat, [rows.length, numKeyValueHeads], "u8"), logits);
    plan.#host = flat;
    return plan;
  }

  /** Every head of every sequence in one mode. */
  static uniform(backend: Backend, mode: AttentionMode, sequences: number, numKeyValueHeads: number): HeadPlan {
    return HeadPlan.fromHost(backend, [mode], Array.from({ length: sequences }, () => new Uint8Array(numKeyValueHeads)));
  }

  get numSequences(): number {
    return this.assignment.shape[0]!;
  }

  get numKeyValueHeads(): number {
    return this.assignment.shape[1]!;
  }

  /** Mode indices on the host, [sequences * kvHeads]; on a GPU the first call waits for the router. */
  hostAssignment(): Uint8Array {
    return (this.#host ??= this.assignment.download());
  }

  /** The mode of one head. */
  modeOf(sequence: number, keyValueHead: number): AttentionMode {
    return this.modes[this.hostAssignment()[sequence * this.numKeyValueHeads + keyValueHead]!]!;
  }

  dispose(): void {
    this.assignment.dispose();
    this.logits?.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** @throws ShapeError, InvalidModeError */
function validateModes(modes: readonly AttentionMode[]): void {
  if (modes.length === 0) throw new ShapeError("A head plan needs at least one mode.");
  for (const mode of modes) attentionModeDefinition(mode).validate(mode);
}
