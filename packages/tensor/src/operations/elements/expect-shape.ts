import { ShapeError } from "@elastic-attention/core";
import type { Tensor } from "../../tensor.js";

/** Checks a tensor's shape against the expected one (-1 = any) and names the operand in the error. */
export function expectShape(operation: string, name: string, tensor: Tensor, shape: readonly number[]): void {
  tensor.assertAlive(`${operation}: ${name}`);
  const fits = tensor.shape.length === shape.length && shape.every((size, i) => size < 0 || size === tensor.shape[i]);
  if (!fits) {
    const expected = shape.map((size) => (size < 0 ? "any" : size)).join(", ");
    throw new ShapeError(`${operation}: ${name} must be [${expected}], found [${tensor.shape.join(", ")}].`);
  }
}
