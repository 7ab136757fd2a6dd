import {
  allocateExperts,
  combineRows,
  combineRowsBackward,
  dispatchRows,
  expectExpert,
  expectExpertLinear,
  expectGroups,
  expectRoute,
  expectShape,
  expertLinear,
  expertLinearInputGradient,
  ExpertWeight,
  groupByExpert,
  packExpert,
  routeExperts,
  routeExpertsBackward,
} from "@elastic-attention/tensor";
import { CallArguments, dtypeCode } from "../call-arguments.js";
import type { NativeBackend } from "../native-backend.js";
import { registerPacked } from "./packed-kernel.js";
import { computeFloats, requireFloats, requireSameDType } from "./requirements.js";

/** Layers of experts: weights, routing, grouped products and weighted sums. */
export function registerExpertKernels(backend: NativeBackend): void {
  registerExpertWeights(backend);
  const { addon } = backend;
  const requireComputeFloats = computeFloats(backend.traits.computeDTypes);
  const name = "rows";

  registerPacked(backend, routeExperts, addon.routeExperts, {
    name,
    supports: () => [],
    pack(call) {
      expectRoute(call);
      return new CallArguments().tensor(call.logits).tensor(call.chosen).tensor(call.weights).flag(call.normalized);
    },
  });

  registerPacked(backend, groupByExpert, addon.groupByExpert, {
    name,
    supports: () => [],
    pack({ chosen, groups }) {
      expectShape("groupByExpert", "chosen", chosen, [-1, -1]);
      expectGroups("groupByExpert", groups, chosen.numRows);
      expectShape("groupByExpert", "slots", groups.slots, chosen.shape);
      return new CallArguments().tensor(chosen).groups(groups);
    },
  });

  registerPacked(backend, dispatchRows, addon.dispatchRows, {
    name,
    supports: ({ input, output }) => [...requireComputeFloats({ input }), ...requireSameDType({ input, output })],
    pack({ input, groups, output }) {
      expectGroups("dispatchRows", groups, input.numRows);
      expectShape("dispatchRows", "output", output, [groups.rows.numElements, input.rowLength]);
      return new CallArguments().tensor(input).groups(groups).tensor(output);
    },
  });

  registerPacked(backend, combineRows, addon.combineRows, {
    name,
    supports: ({ input, output }) => requireComputeFloats({ input, output }),
    pack({ input, groups, weights, output, accumulate = false }) {
      expectGroups("combineRows", groups, output.numRows);
      expectShape("combineRows", "input", input, [groups.rows.numElements, output.rowLength]);
      if (weights !== undefined) expectShape("combineRows", "weights", weights, groups.slots.shape);
      return new CallArguments().tensor(input).tensor(output).groups(groups).optional(weights).flag(accumulate);
    },
  });

  registerPacked(backend, expertLinear, addon.expertLinear, {
    name: "panels",
    supports: ({ input, bias, output }) => [...requireComputeFloats({ input, output }), ...requireFloats({ bias })],
    pack(call) {
      expectExpertLinear(call);
      const { input, weight, offsets, bias, output } = call;
      return new CallArguments().tensor(input).experts(weight).vector(offsets).optional(bias).tensor(output);
    },
  });

  registerPacked(backend, routeExpertsBackward, addon.routeExpertsBackward, {
    name,
    supports: () => [],
    pack({ logits, normalized, chosen, weightsGradient, logitsGradient }) {
      expectRoute({ logits, normalized, chosen, weights: weightsGradient });
      expectShape("routeExpertsBackward", "logitsGradient", logitsGradient, logits.shape);
      return new CallArguments().tensor(logits).tensor(chosen).tensor(weightsGradient).tensor(logitsGradient).flag(normalized);
    },
  });

  registerPacked(backend, combineRowsBackward, addon.combineRowsBackward, {
    name,
    supports: ({ input, outputGradient, inputGradient }) => requireComputeFloats({ input, outputGradient, inputGradient }),
    pack({ input, groups, weights, outputGradient, inputGradient, weightsGradient }) {
      expectGroups("combineRowsBackward", groups, outputGradient.numRows);
      expectShape("combineRowsBackward", "input", input, [groups.rows.numElements, outputGradient.rowLength]);
      expectShape("combineRowsBackward", "inputGradient", inputGradient, input.shape);
      for (const [operand, tensor] of Object.entries({ weights, weightsGradient })) {
        if (tensor !== undefined) expectShape("combineRowsBackward", operand, tensor, groups.slots.shape);
      }
      const call = new CallArguments().tensor(input).tensor(outputGradient).tensor(inputGradient).groups(groups);
      return call.optional(weights).optional(weightsGradient);
    },
  });

  registerPacked(backend, expertLinearInputGradient, addon.expertLinearInputGradient, {
    name: "panels",
    supports: ({ outputGradient, inputGradient }) => requireComputeFloats({ outputGradient, inputGradient }),
    pack({ outputGradient, offsets, weight, inputGradient }) {
      expectShape("expertLinearInputGradient", "outputGradient", outputGradient, [-1, weight.outFeatures]);
      expectShape("expertLinearInputGradient", "offsets", offsets, [weight.numExperts + 1]);
      expectShape("expertLinearInputGradient", "inputGradient", inputGradient, [outputGradient.numRows, weight.inFeatures]);
      return new CallArguments().tensor(outputGradient).experts(weight).vector(offsets).tensor(inputGradient);
    },
  });
}

/** Every expert is packed as a weight of its own, one behind the other. */
function registerExpertWeights(backend: NativeBackend): void {
  const { addon, kernels } = backend;
  const { packedDTypes } = backend.traits;

  kernels.register(allocateExperts, {
    name: "panels",
    supports: ({ dtype }) => (packedDTypes.includes(dtype) ? [] : [`weights are packed as ${packedDTypes.join(" or ")}, not ${dtype}`]),
    run({ numExperts, outFeatures, inFeatures, dtype }) {
      const bytes = addon.packedWeightBytes(Float64Array.of(outFeatures, inFeatures, dtypeCode(dtype)));
      return new ExpertWeight(backend, backend.allocateStorage(numExperts * bytes), numExperts, outFeatures, inFeatures, dtype);
    },
  });

  kernels.register(packExpert, {
    name: "panels",
    supports: ({ weights }) => weights.flatMap((weight, index) => requireFloats({ [`weight ${index}`]: weight })),
    run(call) {
      expectExpert(call);
      const { experts, expert, weights } = call;
      const packed = new CallArguments().expert(experts, expert).number(weights.length);
      for (const weight of weights) packed.tensor(weight);
      backend.call("packExpert", addon.packLinear, packed);
    },
  });
}
