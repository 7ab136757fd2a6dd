import { ShapeError } from "@elastic-attention/core";
import { expectShape, linear, LinearWeight, packLinear } from "@elastic-attention/tensor";
import { CallArguments, dtypeCode } from "../call-arguments.js";
import type { NativeBackend } from "../native-backend.js";
import { computeFloats, requireFloats, requirePlainWeight } from "./requirements.js";

/** Matrix products over weights packed in panels. */
export function registerLinearKernels(backend: NativeBackend): void {
  const { addon, kernels } = backend;
  const { packedDTypes } = backend.traits;
  const requireComputeFloats = computeFloats(backend.traits.computeDTypes);

  kernels.register(packLinear, {
    name: "panels",
    supports: ({ weights, dtype }) => [
      ...(packedDTypes.includes(dtype) ? [] : [`weights are packed as ${packedDTypes.join(" or ")}, not ${dtype}`]),
      ...weights.flatMap((weight, index) => requireFloats({ [`weight ${index}`]: weight })),
    ],
    run({ weights, dtype }) {
      const first = weights[0];
      if (first === undefined) throw new ShapeError("packLinear: no weight given.");
      const inFeatures = first.shape[1] ?? -1;
      for (const weight of weights) expectShape("packLinear", "weight", weight, [-1, inFeatures]);
      const outFeatures = weights.reduce((sum, weight) => sum + weight.numRows, 0);
      const shape = Float64Array.of(outFeatures, inFeatures, dtypeCode(dtype));
      const storage = backend.allocateStorage(addon.packedWeightBytes(shape));
      const packed = new LinearWeight(backend, storage, outFeatures, inFeatures, dtype);
      try {
        const call = new CallArguments().weight(packed).number(weights.length);
        for (const weight of weights) call.tensor(weight);
        backend.call("packLinear", addon.packLinear, call);
      } catch (error) {
        packed.dispose();
        throw error;
      }
      return packed;
    },
  });

  kernels.register(linear, {
    name: "panels",
    supports: ({ input, weight, bias, output }) => [
      ...requireComputeFloats({ input, output }),
      ...requireFloats({ bias }),
      ...requirePlainWeight(weight),
    ],
    run({ input, weight, bias, output, accumulate = false }) {
      expectShape("linear", "input", input, [-1, weight.inFeatures]);
      expectShape("linear", "output", output, [input.numRows, weight.outFeatures]);
      if (bias !== undefined) expectShape("linear", "bias", bias, [weight.outFeatures]);
      const call = new CallArguments().tensor(input).weight(weight);
      if (bias === undefined) call.missing();
      else call.vector(bias);
      backend.call("linear", addon.linear, call.tensor(output).flag(accumulate));
    },
  });
}
