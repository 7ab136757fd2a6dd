import { defineOperation } from "../operation.js";
import { readFloats, writeFloats } from "../reference/floats.js";
import type { Tensor } from "../tensor.js";
import { expectShape } from "./expect-shape.js";

export interface SwigluCall {
  /** [rows, features]; a column range of a fused projection is fine. */
  readonly gate: Tensor;
  readonly up: Tensor;
  /** [rows, features]; may be `gate` itself. */
  readonly output: Tensor;
}

/** output = silu(gate) · up, in float32 at least, rounded once. */
export const swiglu = defineOperation<SwigluCall>("swiglu", ({ gate, up, output }) => {
  expectShape("swiglu", "up", up, gate.shape);
  expectShape("swiglu", "output", output, gate.shape);
  const [g, u] = [readFloats(gate), readFloats(up)];
  for (let i = 0; i < g.length; i++) g[i] = (g[i]! / (1 + Math.exp(-g[i]!))) * u[i]!;
  writeFloats(output, g);
});
