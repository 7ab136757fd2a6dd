import { TapeError } from "@elastic-attention/core";
import type { Backend } from "../backend.js";
import type { DType } from "../dtype.js";
import type { Operation } from "../operation.js";
import { Tensor } from "../tensor.js";
import type { GradientRule, Gradients } from "./gradient-rule.js";
import type { GradientStore } from "./gradient-store.js";
import { overlap } from "./region.js";

/** A step of a computation with its way back; what an operation's call becomes by its {@link GradientRule}. */
export interface TapeStep<Result = void> {
  /** For errors. */
  readonly name: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly updates?: readonly Tensor[];
  readonly keepsInputs?: readonly Tensor[];
  readonly keepsResults?: readonly Tensor[];
  /** Whether `backward` also runs when no gradient has arrived: it brings one of its own, as a loss does. */
  readonly isLoss?: boolean;
  run(): Result;
  backward(gradients: Gradients): void;
}

/** Keeps what a step destroys before it runs. */
export interface Saving {
  save(allocate: (shape: readonly number[], dtype: DType) => Tensor): void;
}

/** The step that an operation's call is, by its rule. */
export function stepOf<Call, Result>(
  operation: Operation<Call, Result>,
  call: Call,
  rule: GradientRule<Call>,
  backend: Backend,
): TapeStep<Result> & Saving {
  let saved: unknown;
  return {
    name: operation.name,
    inputs: rule.inputs(call),
    outputs: rule.outputs(call),
    updates: rule.updates?.(call) ?? [],
    keepsInputs: rule.keepsInputs?.(call) ?? [],
    keepsResults: rule.keepsResults?.(call) ?? [],
    save: (allocate) => void (saved = rule.save?.(call, backend, allocate)),
    run: () => backend.kernels.run(operation, call),
    backward: (gradients) => rule.backward(call, gradients, saved),
  };
}

/** A step must not overwrite what its own gradient reads. @throws TapeError */
export function checkAliases(step: TapeStep<unknown>, changed: readonly Tensor[], store: GradientStore): void {
  for (const kept of step.keepsInputs ?? []) {
    const written = changed.some(({ storage }) => storage === kept.storage);
    if (written && changed.some((tensor) => tensor.storage === kept.storage && overlap(store.region(tensor), store.region(kept)))) {
      throw new TapeError(`${step.name} overwrites an input that its gradient needs.`, "Write the result somewhere else.");
    }
  }
}

/** The tensors of a call, in arrays and nested objects too. */
export function tensorsIn(value: unknown, depth = 0): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (typeof value !== "object" || value === null || depth > 3 || ArrayBuffer.isView(value)) return [];
  return Object.values(value).flatMap((part) => tensorsIn(part, depth + 1));
}
