import { MemoryScope, MissingGradientRuleError, TapeError } from "@elastic-attention/core";
import type { Backend } from "../backend.js";
import type { DType } from "../dtype.js";
import type { Operation } from "../operation.js";
import type { Storage, Tensor } from "../tensor.js";
import { gradientRule } from "./gradient-rule.js";
import { GradientStore } from "./gradient-store.js";
import { NodeGradients } from "./node-gradients.js";
import { checkAliases, type Saving, stepOf, type TapeStep, tensorsIn } from "./tape-step.js";
import { WriteLog } from "./write-log.js";

export type { TapeStep } from "./tape-step.js";

/** What a checkpoint keeps and gives. */
export interface CheckpointTensors {
  /** Every tensor from outside that the body reads and that wants a gradient; unchanged until the way back. */
  readonly inputs: readonly Tensor[];
  /** What the body writes. It must not read them again: on the way back they are not written a second time. */
  readonly outputs: readonly Tensor[];
  /** Whether a step of the body is a loss. */
  readonly isLoss?: boolean;
}

interface Node {
  readonly step: TapeStep<unknown>;
  readonly time: number;
  readonly scope: MemoryScope;
}

interface Surroundings {
  readonly store: GradientStore;
  readonly log: WriteLog;
  /** Undefined on the outermost tape. */
  readonly checkpoint: { readonly inputs: ReadonlySet<Storage>; readonly outputs: ReadonlySet<Storage> } | undefined;
  /** Whether steps are kept for the way back; a checkpoint's first pass only runs them. */
  readonly records: boolean;
}

/**
 * Runs operations and remembers how their results depend on tensors that want a gradient; everything else (frozen
 * weights, constants) leaves no trace. Operations write where the caller says, as everywhere: the gradient of a view is
 * the same view of one gradient buffer, so chunks of rows and column ranges need no care.
 *
 * A tape owns what it allocates and the gradients: `using tape = new Tape(backend)` leaves nothing behind, also after an
 * error. Values and gradients are given back on the way back as soon as no earlier step can ask for them.
 */
export class Tape implements Disposable {
  readonly #surroundings: Surroundings;
  readonly #nodes: Node[] = [];
  /** Tensors of this tape, with the first recorded step that touches each. */
  readonly #owned = new Map<Storage, { readonly tensor: Tensor; firstNode: number | undefined }>();
  readonly #written = new WeakSet<Storage>();

  /** @param surroundings of the tape that this one stands in; checkpoints give them. */
  constructor(
    readonly backend: Backend,
    surroundings?: Surroundings,
  ) {
    const store = surroundings?.store ?? new GradientStore(backend);
    this.#surroundings = surroundings ?? { store, log: new WriteLog(store), checkpoint: undefined, records: true };
  }

  /** Steps that wait for {@link backward}. */
  get numSteps(): number {
    return this.#nodes.length;
  }

  /** New uninitialised tensor that the tape owns. @throws OutOfMemoryError */
  allocate(shape: readonly number[], dtype: DType): Tensor {
    const tensor = this.backend.allocate(shape, dtype);
    this.#owned.set(tensor.storage, { tensor, firstNode: undefined });
    this.#surroundings.store.layOut(tensor);
    return tensor;
  }

  /**
   * Asks for the gradient of a tensor.
   *
   * @param gradient of the same shape: gets the gradient added, for gradients summed over many tapes; it stays the
   *   caller's. Without one, {@link Tape.gradient} returns it after {@link Tape.backward}.
   */
  watch(tensor: Tensor, gradient?: Tensor): void {
    this.#surroundings.store.want(tensor);
    if (gradient !== undefined) this.#surroundings.store.adopt(tensor, gradient);
  }

  /** Whether a tensor depends on a watched one. */
  wants(tensor: Tensor): boolean {
    return this.#surroundings.store.wants(tensor);
  }

  /**
   * Runs an operation on the tape's backend.
   * @throws MissingGradientRuleError when an operand wants a gradient and the operation has no rule, TapeError
   */
  run<Call, Result>(operation: Operation<Call, Result>, call: Call): Result | undefined {
    const rule = gradientRule(operation);
    const step = rule === undefined ? undefined : stepOf(operation, call, rule, this.backend);
    const covered = new Set([step?.inputs, step?.outputs, step?.updates].flatMap((list) => list ?? []).map(({ storage }) => storage));
    const uncovered = tensorsIn(call).some((tensor) => this.wants(tensor) && !covered.has(tensor.storage));
    if (uncovered) throw new MissingGradientRuleError(operation.name);
    return step === undefined ? this.backend.kernels.run(operation, call) : this.apply(step);
  }

  /** Runs a step of one's own making. Its result is undefined where a checkpoint has no need to run it again. */
  apply<Result>(step: TapeStep<Result> & Partial<Saving>): Result | undefined {
    const { store, log, checkpoint, records } = this.#surroundings;
    const changed = [...step.outputs, ...(step.updates ?? [])];
    const recorded = step.isLoss === true || [...step.inputs, ...changed].some((tensor) => store.wants(tensor));
    if (checkpoint !== undefined) this.#checkReads(step, checkpoint);
    if (recorded) checkAliases(step, changed, store);
    using scope = new MemoryScope();
    if (recorded && records) step.save?.((shape, dtype) => scope.track(this.backend.allocate(shape, dtype)));
    const isKnown = records && checkpoint !== undefined && changed.length > 0 && changed.every(({ storage }) => checkpoint.outputs.has(storage));
    const result = isKnown ? undefined : step.run();
    for (const { storage } of changed) this.#written.add(storage);
    const time = isKnown ? log.time : log.write(changed);
    if (recorded) {
      for (const tensor of changed) store.want(tensor);
      if (records) this.#record(step, time, scope.move());
    }
    return result;
  }

  /**
   * Runs a part of the computation whose values are not kept: on the way back the body runs again, with a tape that
   * remembers, and gives its gradients. The body must do the same both times; whatever it draws or decides is drawn once
   * and kept outside. Checkpoints can stand in checkpoints.
   */
  checkpoint({ inputs, outputs, isLoss = false }: CheckpointTensors, body: (tape: Tape) => void): void {
    const { store, log } = this.#surroundings;
    const storages = (tensors: readonly Tensor[]) => new Set(tensors.map((tensor) => tensor.storage));
    const checkpoint = { inputs: storages(inputs), outputs: storages(outputs) };
    this.apply({
      name: "checkpoint",
      inputs,
      outputs,
      keepsInputs: inputs,
      isLoss,
      run: () => {
        using tape = new Tape(this.backend, { store, log, checkpoint, records: false });
        body(tape);
      },
      backward: () => {
        using tape = new Tape(this.backend, { store, log, checkpoint, records: true });
        body(tape);
        tape.backward();
      },
    });
  }

  /**
   * Gives a result its gradient: where the way back begins. Called for parts of a tensor, each part once or more.
   *
   * @param write gets the gradient of `result` and whether to add to it.
   */
  seed(result: Tensor, write: (gradient: Tensor, accumulate: boolean) => void): void {
    const { store } = this.#surroundings;
    store.want(result);
    const accumulate = store.hasArrived(result);
    write(accumulate ? store.zeroFilled(result) : store.fresh(result), accumulate);
  }

  /** Takes the last step back; false when there is none left. @throws TapeError when a value it needs was overwritten */
  stepBack(): boolean {
    const node = this.#nodes.pop();
    if (node === undefined) return false;
    using _scope = node.scope;
    const { store } = this.#surroundings;
    const { step } = node;
    const [outputs, updates] = [step.outputs, step.updates ?? []];
    const arrived = [...outputs, ...updates].some((result) => store.hasArrived(result));
    const matters = updates.length > 0 || step.inputs.some((input) => store.wants(input));
    if (step.isLoss === true || (arrived && matters)) {
      this.#checkKept(node);
      using gradients = new NodeGradients(store);
      step.backward(gradients);
    }
    for (const output of outputs) store.clear(output);
    this.#releaseFrom(this.#nodes.length);
    return true;
  }

  /** Takes all steps back. */
  backward(): void {
    while (this.stepBack());
  }

  /** The gradient of a watched tensor so far, undefined where none has arrived. Belongs to the tape; copy it to keep it. */
  gradient(tensor: Tensor): Tensor | undefined {
    return this.#surroundings.store.incoming(tensor);
  }

  [Symbol.dispose](): void {
    using scope = new MemoryScope();
    for (const { scope: saved } of this.#nodes.splice(0)) scope.track(saved);
    for (const { tensor } of this.#owned.values()) {
      this.#surroundings.store.free(tensor.storage);
      scope.track(tensor);
    }
    this.#owned.clear();
    if (this.#surroundings.checkpoint === undefined) this.#surroundings.store[Symbol.dispose]();
  }

  #record(step: TapeStep<unknown>, time: number, scope: MemoryScope): void {
    const index = this.#nodes.push({ step, time, scope }) - 1;
    const lists = [step.inputs, step.outputs, step.updates, step.keepsInputs, step.keepsResults];
    for (const { storage } of lists.flatMap((list) => list ?? [])) {
      const owned = this.#owned.get(storage);
      if (owned !== undefined) owned.firstNode ??= index;
    }
  }

  /** Gives back what only steps from `index` on touched. */
  #releaseFrom(index: number): void {
    for (const [storage, { tensor, firstNode }] of this.#owned) {
      if (firstNode === undefined || firstNode < index) continue;
      this.#owned.delete(storage);
      this.#surroundings.store.free(storage);
      tensor.dispose();
    }
  }

  #checkReads(step: TapeStep<unknown>, checkpoint: NonNullable<Surroundings["checkpoint"]>): void {
    for (const tensor of [...step.inputs, ...(step.keepsInputs ?? []), ...(step.keepsResults ?? [])]) {
      if (checkpoint.outputs.has(tensor.storage)) {
        throw new TapeError(`${step.name} reads an output of its checkpoint.`, "Keep what is read again in a tensor of the body's tape.");
      }
    }
    for (const tensor of step.inputs) {
      const isKnown = checkpoint.inputs.has(tensor.storage) || this.#owned.has(tensor.storage) || this.#written.has(tensor.storage);
      if (!isKnown && this.wants(tensor)) {
        throw new TapeError(`${step.name} reads a tensor that wants a gradient and is no input of its checkpoint.`, "Name it among the inputs.");
      }
    }
  }

  #checkKept({ step, time }: Node): void {
    for (const tensor of [...(step.keepsInputs ?? []), ...(step.keepsResults ?? [])]) {
      tensor.assertAlive(`A value that the gradient of ${step.name} needs`);
      if (this.#surroundings.log.writtenAfter(tensor, time)) {
        throw new TapeError(
          `A value that the gradient of ${step.name} needs, [${tensor.shape.join(", ")}], was overwritten after it.`,
          "Write later results somewhere else, or take the step in a checkpoint.",
        );
      }
    }
  }
}
