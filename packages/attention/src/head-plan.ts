import { ShapeError } from "@elastic-attention/core";
import type { Backend, Tensor } from "@elastic-attention/tensor";
import type { AttentionMode } from "./modes/attention-mode.js";
import { attentionModeDefinition } from "./modes/mode-registry.js";

/** An assignment that is made on the host: uploading it would make a GPU's stream wait, and few ask for it there. */
export interface HostAssignment {
  readonly backend: Backend;
  /** [sequences * kvHeads]; or what makes them, once, when they are first asked for. */
  readonly bytes: Uint8Array | (() => Uint8Array);
  readonly shape: readonly [sequences: number, keyValueHeads: number];
}

/** A plan whose decision waits for what a device computes: see {@link HeadPlan.deferred}. */
export interface DeferredPlan {
  readonly backend: Backend;
  readonly modes: readonly AttentionMode[];
  readonly shape: readonly [sequences: number, keyValueHeads: number];
  /** One row of mode indices for each sequence; called once, when the assignment is first asked for. */
  readonly decide: () => readonly ArrayLike<number>[];
  /** What `decide` reads; owned by the plan, and disposed once it has decided. */
  readonly source: Disposable;
  /** As in the plan. */
  readonly logits?: Tensor;
  /** u8 [sequences, kvHeads]: the decision where the device makes it too, by stream order; owned by the plan. */
  readonly assignment?: Tensor;
}

/**
 * One layer's routing: which mode each key-value head of each sequence is in. `modes[0]` is the retrieval mode; model
 * sparsity counts the heads that are in any other. Made once, at prefill, and carried with the cache.
 */
export class HeadPlan implements Disposable {
  #assignment: Tensor | undefined;
  #host: Uint8Array | undefined;
  readonly #backend: Backend;
  readonly #decide: (() => Uint8Array) | undefined;
  /** What an undecided plan decides from. */
  #source: Disposable | undefined;
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
    this.#backend = assignment.backend;
    if ("bytes" in assignment) {
      const { bytes } = assignment;
      if (typeof bytes === "function") this.#decide = bytes;
      else this.#host = bytes;
      this.#shape = assignment.shape;
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
    const shape = [rows.length, rows[0]?.length ?? 0] as const;
    return new HeadPlan(modes, { backend, bytes: flatAssignment(rows, shape, modes.length), shape }, logits);
  }

  /**
   * A plan that decides when it is first asked: a router returns it at once, and what does not depend on the plan is
   * issued before anyone waits. Errors of the decision are thrown where it is asked for.
   * @throws InvalidModeError; `source`, `logits` and `assignment` then stay the caller's.
   */
  static deferred({ backend, modes, shape, decide, source, logits, assignment }: DeferredPlan): HeadPlan {
    const plan = new HeadPlan(modes, { backend, bytes: () => flatAssignment(decide(), shape, modes.length), shape }, logits);
    plan.#source = source;
    plan.#assignment = assignment;
    return plan;
  }

  /** Every head of every sequence in one mode. */
  static uniform(backend: Backend, mode: AttentionMode, sequences: number, numKeyValueHeads: number): HeadPlan {
    return HeadPlan.fromHost(backend, [mode], Array.from({ length: sequences }, () => new Uint8Array(numKeyValueHeads)));
  }

  /** u8 [sequences, kvHeads]: index into `modes`. */
  get assignment(): Tensor {
    return (this.#assignment ??= this.#backend.upload(this.hostAssignment(), this.#shape, "u8"));
  }

  /** The assignment where it is in the backend's memory, or will be before what is issued from now on; never waits. */
  get issuedAssignment(): Tensor | undefined {
    return this.#assignment;
  }

  get numSequences(): number {
    return this.#shape[0];
  }

  get numKeyValueHeads(): number {
    return this.#shape[1];
  }

  /** Mode indices on the host, [sequences * kvHeads]; on a GPU the first call waits for the router. */
  hostAssignment(): Uint8Array {
    if (this.#host === undefined) {
      this.#host = this.#decide?.() ?? this.assignment.download();
      this.#disposeSource();
    }
    return this.#host;
  }

  /** The mode of one head. */
  modeOf(sequence: number, keyValueHead: number): AttentionMode {
    return this.modes[this.hostAssignment()[sequence * this.numKeyValueHeads + keyValueHead]!]!;
  }

  dispose(): void {
    this.#assignment?.dispose();
    this.logits?.dispose();
    this.#disposeSource();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #disposeSource(): void {
    this.#source?.[Symbol.dispose]();
    this.#source = undefined;
  }
}

/** Rows of mode indices one after another. @throws ShapeError */
function flatAssignment(rows: readonly ArrayLike<number>[], [sequences, heads]: readonly [number, number], modes: number): Uint8Array {
  if (rows.length !== sequences || rows.some((row) => row.length !== heads)) {
    throw new ShapeError(`Every sequence of a plan has the same heads: ${sequences} rows of ${heads} modes were expected.`);
  }
  const flat = new Uint8Array(sequences * heads);
  for (const [sequence, row] of rows.entries()) {
    // Checked before the bytes are stored: 256 would wrap to mode 0.
    const outside = Array.from(row).find((index) => !(Number.isInteger(index) && index >= 0 && index < modes));
    if (outside !== undefined) throw new ShapeError(`Mode index ${outside} in a plan of ${modes} modes.`);
    flat.set(Array.from(row), sequence * heads);
  }
  return flat;
}

/** @throws ShapeError, InvalidModeError */
function validateModes(modes: readonly AttentionMode[]): void {
  if (modes.length === 0) throw new ShapeError("A head plan needs at least one mode.");
  for (const mode of modes) attentionModeDefinition(mode).validate(mode);
}
