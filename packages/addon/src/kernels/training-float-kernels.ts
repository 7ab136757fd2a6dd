import {
  activateBackward,
  crossEntropy,
  expectShape,
  expectSoftCap,
  gatedActivationBackward,
  headNormBackward,
  layerNormBackward,
  linearInputGradient,
  rmsNormBackward,
  scaleBackward,
} from "@elastic-attention/tensor";
import { CallArguments } from "../call-arguments.js";
import type { NativeBackend } from "../native-backend.js";
import { registerPacked } from "./packed-kernel.js";
import { computeFloats, requireFloats, requirePlainWeight, requireSameDType } from "./requirements.js";

/** Gradients of products, norms and activations, and the loss, where the addon has them. */
export function registerTrainingFloatKernels(backend: NativeBackend): void {
  const { addon } = backend;
  const requireComputeFloats = computeFloats(backend.traits.computeDTypes);
  const name = "rows";

  registerPacked(backend, linearInputGradient, addon.linearInputGradient, {
    name: "panels",
    supports: ({ outputGradient, weight, inputGradient }) => [
      ...requireComputeFloats({ outputGradient, inputGradient }),
      ...requirePlainWeight(weight),
    ],
    pack({ outputGradient, weight, inputGradient, accumulate = false }) {
      expectShape("linearInputGradient", "outputGradient", outputGradient, [-1, weight.outFeatures]);
      expectShape("linearInputGradient", "inputGradient", inputGradient, [outputGradient.numRows, weight.inFeatures]);
      return new CallArguments().tensor(outputGradient).weight(weight).tensor(inputGradient).flag(accumulate);
    },
  });

  // Both norms of rows take the same operands.
  for (const [operation, native] of [[rmsNormBackward, addon.rmsNormBackward], [layerNormBackward, addon.layerNormBackward]] as const) {
    registerPacked(backend, operation, native, {
      name,
      supports: ({ input, weight, outputGradient, inputGradient }) => [
        ...requireComputeFloats({ input, outputGradient, inputGradient }),
        ...requireFloats({ weight }),
      ],
      pack({ input, weight, epsilon, outputGradient, inputGradient, accumulate = false }) {
        expectShape(operation.name, "weight", weight, [input.rowLength]);
        expectShape(operation.name, "outputGradient", outputGradient, input.shape);
        expectShape(operation.name, "inputGradient", inputGradient, input.shape);
        const call = new CallArguments().tensor(input).vector(weight).number(epsilon);
        return call.tensor(outputGradient).tensor(inputGradient).flag(accumulate);
      },
    });
  }

  registerPacked(backend, headNormBackward, addon.headNormBackward, {
    name,
    supports: ({ heads, weight, outputGradient, inputGradient }) => [
      ...requireComputeFloats({ heads, outputGradient, inputGradient }),
      ...requireFloats({ weight }),
    ],
    pack({ heads, weight, epsilon, outputGradient, inputGradient }) {
      const headDim = heads.shape[2] ?? -1;
      expectShape("headNormBackward", "heads", heads, [-1, -1, headDim]);
      expectShape("headNormBackward", "weight", weight, [headDim]);
      expectShape("headNormBackward", "outputGradient", outputGradient, heads.shape);
      expectShape("headNormBackward", "inputGradient", inputGradient, heads.shape);
      return new CallArguments().tensor(heads).vector(weight).number(epsilon).tensor(outputGradient).tensor(inputGradient);
    },
  });

  registerPacked(backend, gatedActivationBackward, addon.gatedActivationBackward, {
    name,
    supports: ({ gate, up, outputGradient, gateGradient, upGradient }) => [
      ...requireComputeFloats({ gate }),
      ...requireSameDType({ gate, up, outputGradient, gateGradient, upGradient }),
    ],
    pack({ gate, up, activation, outputGradient, gateGradient, upGradient }) {
      const call = new CallArguments().tensor(gate);
      for (const [operand, tensor] of Object.entries({ up, outputGradient, gateGradient, upGradient })) {
        expectShape("gatedActivationBackward", operand, tensor, gate.shape);
        call.tensor(tensor);
      }
      return call.gate(activation);
    },
  });

  registerPacked(backend, activateBackward, addon.activateBackward, {
    name,
    supports: ({ input, outputGradient, inputGradient }) => [
      ...requireComputeFloats({ input }),
      ...requireSameDType({ input, outputGradient, inputGradient }),
    ],
    pack({ input, activation, outputGradient, inputGradient }) {
      expectShape("activateBackward", "outputGradient", outputGradient, input.shape);
      expectShape("activateBackward", "inputGradient", inputGradient, input.shape);
      return new CallArguments().tensor(input).tensor(outputGradient).tensor(inputGradient).activation(activation);
    },
  });

  registerPacked(backend, scaleBackward, addon.scaleBackward, {
    name,
    supports: ({ input, outputGradient, inputGradient }) => requireComputeFloats({ input, outputGradient, inputGradient }),
    pack({ input, factor, softCap, outputGradient, inputGradient }) {
      expectShape("scaleBackward", "outputGradient", outputGradient, input.shape);
      expectShape("scaleBackward", "inputGradient", inputGradient, input.shape);
      expectSoftCap("scaleBackward", softCap);
      return new CallArguments().tensor(input).tensor(outputGradient).tensor(inputGradient).number(factor, softCap);
    },
  });

  registerPacked(backend, crossEntropy, addon.crossEntropy, {
    name,
    supports: ({ logits, logitsGradient }) => requireComputeFloats({ logits, logitsGradient }),
    pack({ logits, targets, losses, logitsGradient, gradientScale = 1 }) {
      expectShape("crossEntropy", "logits", logits, [-1, -1]);
      expectShape("crossEntropy", "targets", targets, [logits.numRows]);
      expectShape("crossEntropy", "losses", losses, [logits.numRows]);
      const call = new CallArguments().tensor(logits).vector(targets).vector(losses);
      if (logitsGradient === undefined) return call.missing().number(gradientScale);
      expectShape("crossEntropy", "logitsGradient", logitsGradient, logits.shape);
      return call.tensor(logitsGradient).number(gradientScale);
    },
  });
}
