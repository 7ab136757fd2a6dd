import type { GradientRule } from "./autograd/gradient-rule.js";
import type { Backend } from "./backend.js";

/** One implementation of an operation. */
export interface Kernel<Call, Result> {
  /** Unique within its operation, for logs and errors: `amx-bf16`, `reference`. */
  readonly name: string;
  /** Why this kernel cannot run the call; empty when it can. Must not do work or throw. */
  supports(call: Call): readonly string[];
  run(call: Call, backend: Backend): Result;
}

/**
 * A thing that backends can do, named and typed once, in the package it belongs to. It carries its specification:
 * the reference kernel, which the reference backend runs and every other kernel is tested against.
 */
export interface Operation<Call, Result> {
  readonly name: string;
  readonly reference: Kernel<Call, Result>;
  /** How gradients pass through it; an operation without a rule cannot stand between a loss and what is trained. */
  readonly gradient?: GradientRule<Call>;
}

/** Declares an operation whose reference kernel is `run`, which supports every valid call and throws on invalid ones. */
export function defineOperation<Call, Result = void>(
  name: string,
  run: (call: Call, backend: Backend) => Result,
  options: { readonly gradient?: GradientRule<Call> } = {},
): Operation<Call, Result> {
  return { name, reference: { name: "reference", supports: () => [], run }, ...options };
}
