import { TapeError } from "@elastic-attention/core";
import { type FloatArray, readFloats, writeFloats } from "../reference/floats.js";
import { ReferenceBackend } from "../reference/reference-backend.js";
import type { Tensor } from "../tensor.js";
import { Tape } from "./tape.js";

export interface GradientCheckOptions {
  /** Tensors on a {@link ReferenceBackend} of precision "f64" whose gradients are checked. */
  readonly inputs: readonly Tensor[];
  /** Computes results from the inputs by steps of the tape; called many times, must do the same each time. */
  readonly run: (tape: Tape) => readonly Tensor[];
  /** Elements of each input that are checked, spread evenly. Default: all. */
  readonly samples?: number;
  /** Distance of the finite differences, for values around 1. Default 1e-4. */
  readonly distance?: number;
}

/** The worst element of one input. */
export interface GradientError {
  readonly input: number;
  readonly element: number;
  /** From the tape. */
  readonly gradient: number;
  /** From finite differences. */
  readonly difference: number;
  /** |gradient − difference| over the larger of both, and over 1/1000 of the input's largest gradient at least. */
  readonly relative: number;
}

/**
 * Compares the gradients that a tape gives with finite differences of fourth order, for a fixed random weighting of all
 * results. Returns the worst element of each input; a right gradient stays below 1e-6 and usually below 1e-9.
 */
export function checkGradients({ inputs, run, samples = Infinity, distance = 1e-4 }: GradientCheckOptions): GradientError[] {
  for (const { backend } of inputs) {
    if (!(backend instanceof ReferenceBackend) || backend.precision !== "f64") {
      throw new TapeError('Gradients are checked on a reference backend of precision "f64".');
    }
  }
  const backend = inputs[0]!.backend;
  const weights = (result: Tensor, index: number) =>
    Float64Array.from({ length: result.numElements }, (_, i) => Math.sin(12.9898 * (i + 1) + 78.233 * (index + 1)));
  const objective = (): number => {
    using tape = new Tape(backend);
    let sum = 0;
    for (const [index, result] of run(tape).entries()) {
      const factors = weights(result, index);
      readFloats(result).forEach((value, i) => (sum += factors[i]! * value));
    }
    return sum;
  };
  const gradients = inputs.map(() => new Float64Array() as FloatArray);
  {
    using tape = new Tape(backend);
    for (const input of inputs) tape.watch(input);
    for (const [index, result] of run(tape).entries()) {
      tape.seed(result, (gradient) => writeFloats(gradient, weights(result, index)));
    }
    tape.backward();
    for (const [index, input] of inputs.entries()) {
      const gradient = tape.gradient(input);
      gradients[index] = gradient === undefined ? new Float64Array(input.numElements) : readFloats(gradient);
    }
  }
  return inputs.map((input, index) => worstElement(input, index, gradients[index]!, { samples, distance, objective }));
}

function worstElement(
  input: Tensor,
  index: number,
  gradients: FloatArray,
  { samples, distance, objective }: { samples: number; distance: number; objective: () => number },
): GradientError {
  const values = readFloats(input);
  let largest = 0;
  for (const value of gradients) largest = Math.max(largest, Math.abs(value));
  let worst: GradientError = { input: index, element: 0, gradient: 0, difference: 0, relative: 0 };
  const stride = Math.max(1, Math.floor(values.length / samples));
  for (let element = 0; element < values.length; element += stride) {
    const value = values[element]!;
    const at = (steps: number): number => {
      values[element] = value + steps * distance;
      writeFloats(input, values);
      return objective();
    };
    const difference = (at(-2) - 8 * at(-1) + 8 * at(1) - at(2)) / (12 * distance);
    values[element] = value;
    const gradient = gradients[element]!;
    const size = Math.max(Math.abs(gradient), Math.abs(difference), largest / 1000, 1e-9);
    const relative = Math.abs(gradient - difference) / size;
    if (!(relative <= worst.relative)) worst = { input: index, element, gradient, difference, relative };
  }
  writeFloats(input, values);
  return worst;
}
