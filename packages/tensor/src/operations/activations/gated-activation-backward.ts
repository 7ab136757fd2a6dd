import { defineOperation } from "../../operation.js";
import { readFloats, writeFloats } from "../../reference/floats.js";
import type { Tensor } from "../../tensor.js";
import { expectShape } from "../elements/expect-shape.js";
import { type GateActivation, gatedFunction } from "./activation-values.js";

export interface GatedActivationBackwardCall {
  /** [rows, features]; a column range of a fused projection is fine. */
  readonly gate: Tensor;
  readonly up: Tensor;
  readonly activation: GateActivation;
  /** [rows, features]: gradient of the output of `gatedActivation`. */
  readonly outputGradient: Tensor;
  /** [rows, features]; may be `gate` itself. */
  readonly gateGradient: Tensor;
  /** [rows, features]; may be `up` itself. */
  readonly upGradient: Tensor;
}

/** Gradients of `gatedActivation` by gate and up, in float32 at least, rounded once; 0 where gpt-oss cuts an operand off. */
export const gatedActivationBackward = defineOperation<GatedActivationBackwardCall>(
  "gatedActivationBackward",
  ({ gate, up, activation, outputGradient, gateGradient, upGradient }) => {
    const operands = { up, outputGradient, gateGradient, upGradient };
    for (const [name, tensor] of Object.entries(operands)) expectShape("gatedActivationBackward", name, tensor, gate.shape);
    const [g, u, dy] = [readFloats(gate), readFloats(up), readFloats(outputGradient)];
    const { derivatives } = gatedFunction(activation);
    for (let i = 0; i < g.length; i++) {
      const [byGate, byUp] = derivatives(g[i]!, u[i]!);
      g[i] = dy[i]! * byGate;
      u[i] = dy[i]! * byUp;
    }
    writeFloats(gateGradient, g);
    writeFloats(upGradient, u);
  },
);
