import type { Backend } from "../backend.js";
import type { DType } from "../dtype.js";
import type { Operation } from "../operation.js";
import type { Tensor } from "../tensor.js";

/**
 * How gradients pass through an operation: its vector-Jacobian product. A tape asks the lists when a call is recorded
 * and `backward` on the way back. Operands are named as they stand in the call, views included.
 */
export interface GradientRule<Call, Saved = unknown> {
  /** Tensors that are only read and that gradients may flow to. */
  inputs(call: Call): readonly Tensor[];
  /** Tensors whose old elements do not matter: overwritten. */
  outputs(call: Call): readonly Tensor[];
  /** Tensors changed in place or added to: the result depends on their old elements. */
  updates?(call: Call): readonly Tensor[];
  /** Operands whose elements `backward` reads: nothing may overwrite them before, the call itself included. */
  keepsInputs?(call: Call): readonly Tensor[];
  /** Results whose elements `backward` reads: nothing may overwrite them after the call. */
  keepsResults?(call: Call): readonly Tensor[];
  /** Runs before the call: keeps what the call destroys. Memory comes from `allocate` and belongs to the tape. */
  save?(call: Call, backend: Backend, allocate: (shape: readonly number[], dtype: DType) => Tensor): Saved;
  /** Moves the gradients of results to the inputs. Not called when no result has one. */
  backward(call: Call, gradients: Gradients, saved: Saved): void;
}

/** As many tensors as were given. */
export type TensorsLike<Inputs extends readonly Tensor[]> = { readonly [Index in keyof Inputs]: Tensor };

/** The gradients of a tape as a rule sees them: one buffer for each tensor, seen through the views of the call. */
export interface Gradients {
  readonly backend: Backend;
  /** Gradient of a result or an updated tensor, to be read or changed in place; undefined when none has arrived. */
  incoming(result: Tensor): Tensor | undefined;
  /** Whether a gradient of this input is wanted. */
  wants(input: Tensor): boolean;
  /**
   * For kernels that can add: `run` gets the gradients of the inputs and whether to add to them. Inputs that want none
   * get scratch memory; when no input wants one, nothing happens.
   */
  accumulate<Inputs extends readonly Tensor[]>(
    inputs: readonly [...Inputs],
    run: (targets: TensorsLike<Inputs>, accumulate: boolean) => void,
  ): void;
  /** For kernels that only overwrite: where a gradient has arrived before, they write beside it and it is added. */
  overwrite<Inputs extends readonly Tensor[]>(
    inputs: readonly [...Inputs],
    run: (targets: TensorsLike<Inputs>) => void,
  ): void;
  /** For kernels that always add: the gradient of an input, zero where none has arrived; scratch memory when unwanted. */
  addable(input: Tensor): Tensor;
  /** Memory that lives until the rule returns, uninitialised. */
  temporary(shape: readonly number[], dtype: DType): Tensor;
  /** The same, all zeros. */
  zeros(shape: readonly number[], dtype: DType): Tensor;
}

const registered = new WeakMap<object, GradientRule<never>>();

/** Gives an operation a gradient rule from outside; it goes before the operation's own. */
export function registerGradientRule<Call, Result, Saved>(
  operation: Operation<Call, Result>,
  rule: GradientRule<Call, Saved>,
): void {
  registered.set(operation, rule as unknown as GradientRule<never>);
}

/** The rule of an operation, if it has one. */
export function gradientRule<Call, Result>(operation: Operation<Call, Result>): GradientRule<Call> | undefined {
  return (registered.get(operation) as unknown as GradientRule<Call> | undefined) ?? operation.gradient;
}
