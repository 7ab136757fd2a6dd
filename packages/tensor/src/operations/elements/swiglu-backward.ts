import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "./expect-shape.js";

export interface SwigluBackwardCall {
  /** [rows, features]; a column range of a fused projection is fine. */
  readonly gate: Tensor;
  readonly up: Tensor;
  /** [rows, features]: gradient of the output of `swiglu`. */
  readonly outputGradient: Tensor;
  /** [rows, features]; may be `gate` itself. */
  readonly gateGradient: Tensor;
  /** [rows, features]; may be `up` itself. */
  readonly upGradient: Tensor;
}

/**
 * Gradients of `swiglu`, with s = sigmoid(gate): upGradient = outputGradient · gate · s and
 * gateGradient = outputGradient · up · s · (1 + gate · (1 − s)), in float32 at least, rounded once.
 */
export const swigluBackward = defineOperation<SwigluBackwardCall>(
  "swigluBackward",
  ({ gate, up, outputGradient, gateGradient, upGradient }) => {
    const operands = { up, outputGradient, gateGradient, upGradient };
    for (const [name, tensor] of Object.entries(operands)) expectShape("swigluBackward", name, tensor, gate.shape);
    const [g, u, dy] = [readFloats(gate), readFloats(up), readFloats(outputGradient)];
    for (let i = 0; i < g.length; i++) {
      const [x, y, d] = [g[i]!, u[i]!, dy[i]!];
      const sigmoid = 1 / (1 + Math.exp(-x));
      g[i] = d * y * sigmoid * (1 + x * (1 - sigmoid));
      u[i] = d * x * sigmoid;
    }
    writeFloats(gateGradient, g);
    writeFloats(upGradient, u);
  },
);
