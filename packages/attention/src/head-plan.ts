import { type Backend, ShapeError, type Tensor } from "@elastic-attention/tensor";
import type { AttentionMode } from "./modes/attention-mode.js";
import { attentionModeDefinition } from "./modes/mode-registry.js";

/** An assignment that was made on the host: uploading it would make a GPU's stream wait, and few ask for it there. */
export interface HostAssignment {
  readonly backend: Backend;
  /** [sequences * kvHeads]. */
  readonly bytes: Uint8Array;
  readonly shape: readonly [sequences: number, keyValueHeads: number];
}

/**
 * One layer's routing: which mode each key-value head of each sequence is in. `modes[0]` is the retrieval mode; model
 * sparsity counts the heads that are in any other. Made once, at prefill, and carried with the cache.
 */
export class HeadPlan implements Disposable {
  #assignment: Tensor | undefined;
  #host: Uint8Array | undefined;
  readonly #upload: (() => Tensor) | undefined;
  /** Sequences and key-value heads. */
  readonly #shape: readonly [number, number];

  /** @param assignment u8 [sequences, kvHeads], owned by the plan; or the same on the host, uploaded when it is asked for. */
  constructor(
    readonly modes: readonly AttentionMode[],
    assignment: Tensor | HostAssignment,
    /** f32 [sequences, kvHeads, classes]: what a learned router decided from, if it did; owned by the plan. */
    readonly logits?: Tensor,
  ) {
    validateModes(modes);
    if ("bytes" in assignment) {
      this.#host = assignment.bytes;
      this.#shape = assignment.shape;
      this.#upload = () => assignment.backend.upload(assignment.bytes, assignment.shape, "u8");
    } else {
      this.#assignment = assignment;
      this.#shape = [assignment.shape[0]!, assignment.shape[1]!];
    }
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
    return new HeadPlan(modes, { backend, bytes: flat, shape: [rows.length, numKeyValueHeads] }, logits);
  }

  /** Every head of every sequence in one mode. */
  static uniform(backend: Backend, mode: AttentionMode, sequences: number, numKeyValueHeads: number): HeadPlan {
    return HeadPlan.fromHost(backend, [mode], Array.from({ length: sequences }, () => new Uint8Array(numKeyValueHeads)));
  }

  /** u8 [sequences, kvHeads]: index into `modes`. */
  get assignment(): Tensor {
    return (this.#assignment ??= this.#upload!());
  }

  get numSequences(): number {
    return this.#shape[0];
  }

  get numKeyValueHeads(): number {
    return this.#shape[1];
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
    this.#assignment?.dispose();
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
