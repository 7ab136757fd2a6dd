import { MemoryScope, ShapeError } from "@elastic-attention/core";
import type { PendingDownload, Tensor } from "@elastic-attention/tensor";
import type { AttentionMode } from "../modes/attention-mode.js";
import { patternOf } from "../modes/choose-blocks.js";
import { validateMode } from "../modes/prompt-rows.js";
import { mostPatternChoices, type PatternDecision } from "../patterns/head-patterns.js";

/** Where the mode index of every head of every sequence is. */
type Assignment =
  | { readonly type: "host"; readonly bytes: Uint8Array }
  /** The host decides, once what it reads has been computed. */
  | { readonly type: "pending"; readonly decide: () => readonly ArrayLike<number>[] }
  /** A device decides, in its order of work. */
  | { readonly type: "device"; readonly tensor: Tensor; readonly download: PendingDownload };

/** A plan that the host decides later: see {@link HeadPlan.pending}. */
export interface PendingPlan {
  readonly modes: readonly AttentionMode[];
  readonly shape: readonly [sequences: number, keyValueHeads: number];
  /** One row of mode indices for each sequence; called once, when the plan is waited for. */
  readonly decide: () => readonly ArrayLike<number>[];
  /** What `decide` reads; owned by the plan, and disposed once it has decided. */
  readonly source: Disposable;
  /** As in the plan. */
  readonly logits?: Tensor;
}

/** A plan that a device decides: see {@link HeadPlan.onDevice}. */
export interface DevicePlan {
  readonly modes: readonly AttentionMode[];
  /** u8 [sequences, kvHeads]: index into `modes`; owned by the plan. */
  readonly assignment: Tensor;
  /** As in the plan. */
  readonly logits?: Tensor;
}

/**
 * What the heads of one layer do: the modes there are, and which of them each key-value head of each sequence is in.
 * `modes[0]` is the retrieval mode; model sparsity counts the heads that are in any other. Made once, at prefill. The
 * assignment may still be computed; only the methods that say so wait for it.
 */
export class HeadPlan implements Disposable {
  #known: Uint8Array | undefined;

  private constructor(
    readonly modes: readonly AttentionMode[],
    readonly numSequences: number,
    readonly numKeyValueHeads: number,
    private readonly assignment: Assignment,
    /** f32 [sequences, kvHeads, classes]: what a learned router decided from, if it did; owned by the plan. */
    readonly logits?: Tensor,
    /** What the assignment is read from, until it is; owned by the plan. */
    private source?: Disposable,
  ) {}

  /**
   * A plan from host data: one row of mode indices for each sequence.
   * @throws ShapeError for an index without a mode, InvalidModeError; `logits` then stays the caller's.
   */
  static fromHost(modes: readonly AttentionMode[], rows: readonly ArrayLike<number>[], logits?: Tensor): HeadPlan {
    validateModes(modes);
    const shape = [rows.length, rows[0]?.length ?? 0] as const;
    return new HeadPlan(modes, ...shape, { type: "host", bytes: flatAssignment(rows, shape, modes.length) }, logits);
  }

  /** Every head of every sequence in one mode. */
  static uniform(mode: AttentionMode, sequences: number, numKeyValueHeads: number): HeadPlan {
    return HeadPlan.fromHost([mode], Array.from({ length: sequences }, () => new Uint8Array(numKeyValueHeads)));
  }

  /**
   * A plan that the host decides when it is waited for: a router returns it at once, and what does not depend on it is
   * issued before anyone waits. Errors of the decision are thrown to who waits.
   * @throws InvalidModeError; `source` and `logits` then stay the caller's.
   */
  static pending({ modes, shape, decide, source, logits }: PendingPlan): HeadPlan {
    validateModes(modes);
    return new HeadPlan(modes, ...shape, { type: "pending", decide }, logits, source);
  }

  /**
   * A plan that a device decides: attention can take it from there ({@link decisionOf}), and a copy for the host is asked
   * for at once.
   * @throws InvalidModeError; `assignment` and `logits` then stay the caller's.
   */
  static onDevice({ modes, assignment, logits }: DevicePlan): HeadPlan {
    validateModes(modes);
    const [sequences, heads] = assignment.shape as [number, number];
    const download = assignment.startDownload();
    return new HeadPlan(modes, sequences, heads, { type: "device", tensor: assignment, download }, logits, download);
  }

  /**
   * Mode indices, [sequences · kvHeads]; waits for the router the first time.
   * @throws ShapeError for a decision that does not fit the plan
   */
  waitForAssignment(): Uint8Array {
    return (this.#known ??= this.#read());
  }

  /** The mode of each head of a sequence; waits as {@link waitForAssignment}. */
  waitForModes(sequence: number): readonly AttentionMode[] {
    const { numKeyValueHeads } = this;
    const row = this.waitForAssignment().subarray(sequence * numKeyValueHeads, (sequence + 1) * numKeyValueHeads);
    return Array.from(row, (index) => this.modes[index]!);
  }

  /**
   * A sequence's patterns as a device decides them, for a kernel that takes them from there: undefined where the host
   * knows or makes the decision, or where a mode chooses blocks by itself. Never waits.
   */
  decisionOf(sequence: number): PatternDecision | undefined {
    const { assignment } = this;
    if (assignment.type !== "device" || this.#known !== undefined || this.modes.length > mostPatternChoices) return undefined;
    const choices = this.modes.map(patternOf);
    if (choices.some(({ type }) => type === "selected")) return undefined;
    return { type: "decision", assignment: assignment.tensor, row: sequence, choices };
  }

  /** Frees all of it, also when the backend fails at a part; the first error is thrown at the end. */
  dispose(): void {
    using scope = new MemoryScope();
    if (this.logits !== undefined) scope.track(this.logits);
    if (this.assignment.type === "device") scope.track(this.assignment.tensor);
    scope.track({ [Symbol.dispose]: () => this.#release() });
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #read(): Uint8Array {
    const { assignment, numSequences, numKeyValueHeads, modes } = this;
    if (assignment.type === "host") return assignment.bytes;
    const bytes =
      assignment.type === "device"
        ? assignment.download.read()
        : flatAssignment(assignment.decide(), [numSequences, numKeyValueHeads], modes.length);
    this.#release();
    return bytes;
  }

  #release(): void {
    const { source } = this;
    this.source = undefined;
    source?.[Symbol.dispose]();
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
  for (const mode of modes) validateMode(mode);
}
