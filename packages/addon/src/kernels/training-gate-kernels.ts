import { ShapeError } from "@elastic-attention/core";
import { cacheGather, gateGradient, gateMix } from "@elastic-attention/attention";
import { pooledRanges, type RouterLinear, routerLogitsBackward, type RouterWeights } from "@elastic-attention/router";
import { expectShape, type Tensor } from "@elastic-attention/tensor";
import { CallArguments } from "../call-arguments.js";
import type { NativeBackend } from "../native-backend.js";
import { registerPacked } from "./packed-kernel.js";
import { computeFloats, requireRows, requireSameDType } from "./requirements.js";

/** The gates between both sides of attention, the router behind them, and the way back from a cache. */
export function registerTrainingGateKernels(backend: NativeBackend): void {
  const { addon } = backend;
  const requireComputeFloats = computeFloats(backend.traits.computeDTypes);

  registerPacked(backend, gateMix, addon.gateMix, {
    name: "rows",
    supports: ({ fullOutput, sparseOutput, output }) => [
      ...requireComputeFloats({ fullOutput }),
      ...requireSameDType({ fullOutput, sparseOutput, output }),
    ],
    pack({ fullOutput, sparseOutput, gates, offsets, output }) {
      expectGated("gateMix", { fullOutput, sparseOutput, output }, gates, offsets);
      return gated(fullOutput, sparseOutput, gates, offsets).tensor(output);
    },
  });

  registerPacked(backend, gateGradient, addon.gateGradient, {
    name: "rows",
    supports: ({ outputGradient, fullOutput, sparseOutput }) => [
      ...requireComputeFloats({ fullOutput, outputGradient }),
      ...requireSameDType({ fullOutput, sparseOutput }),
    ],
    pack({ outputGradient, fullOutput, sparseOutput, offsets, gateGradient: gradient }) {
      expectGated("gateGradient", { fullOutput, sparseOutput, outputGradient }, gradient, offsets);
      return gated(fullOutput, sparseOutput, gradient, offsets).tensor(outputGradient);
    },
  });

  const { cacheGather: gather } = addon;
  if (gather !== undefined) {
    backend.kernels.register(cacheGather, {
      name: "rows",
      supports: ({ cache, keys, values }) => [
        ...requireComputeFloats({ "the cache": cache.keys, keys, values }),
        ...requireRows([cache]),
      ],
      run({ cache, keys, values }) {
        const { numKeyValueHeads, headDim, length, heads } = cache;
        for (const [name, source, target] of [["keys", cache.keys, keys], ["values", cache.values, values]] as const) {
          if (target === undefined) continue;
          expectShape("cacheGather", name, target, [-1, numKeyValueHeads, headDim]);
          const call = new CallArguments().tensor(source).tensor(target).number(length, numKeyValueHeads);
          for (const store of heads) call.store(store);
          backend.call("cacheGather", gather, call);
        }
      },
    });
  }

  registerPacked(backend, routerLogitsBackward, addon.routerLogitsBackward, {
    name: "heads",
    supports: ({ keys, keysGradient }) => requireComputeFloats({ keys, keysGradient }),
    pack({ keys, offsets, weights, pooling, logitsGradient, weightGradients, keysGradient }) {
      const operation = "routerLogitsBackward";
      const [heads, sequences] = [keys.shape[1] ?? -1, offsets.length - 1];
      expectShape(operation, "keys", keys, [-1, heads, weights.headDim]);
      expectShape(operation, "logitsGradient", logitsGradient, [sequences, heads, weights.classes]);
      const call = new CallArguments().tensor(keys).tensor(logitsGradient);
      if (keysGradient === undefined) {
        call.missing();
      } else {
        expectShape(operation, "keysGradient", keysGradient, keys.shape);
        call.tensor(keysGradient);
      }
      call.number(heads, weights.headDim);
      const gradients = linears(weightGradients);
      for (const [index, { weight, bias }] of linears(weights).entries()) {
        const gradient = gradients[index]!;
        expectShape(operation, `weight gradient ${index}`, gradient.weight, weight.shape);
        expectShape(operation, `bias gradient ${index}`, gradient.bias, bias.shape);
        call.tensor(weight).vector(bias).tensor(gradient.weight).vector(gradient.bias);
      }
      call.number(sequences);
      for (let sequence = 0; sequence < sequences; sequence++) {
        const ranges = pooledRanges(pooling, offsets[sequence]!, offsets[sequence + 1]!, sequence);
        call.number(ranges.length, ...ranges.flat());
      }
      return call;
    },
  });
}

/** The five linear layers in the order of the forward pass. */
function linears({ taskMlp, routerMlp }: Pick<RouterWeights, "taskMlp" | "routerMlp">): readonly RouterLinear[] {
  return [...taskMlp, ...routerMlp];
}

function expectGated(operation: string, outputs: Record<string, Tensor>, gates: Tensor, offsets: readonly number[]): void {
  const { fullOutput } = outputs;
  for (const [name, tensor] of Object.entries(outputs)) expectShape(operation, name, tensor, fullOutput!.shape);
  expectShape(operation, "gates", gates, [offsets.length - 1, -1]);
  if (fullOutput!.shape.length !== 3 || fullOutput!.shape[1]! % gates.shape[1]! !== 0) {
    const shape = fullOutput!.shape.join(", ");
    throw new ShapeError(`${operation}: [${shape}] has no whole group of query heads for ${gates.shape[1]} gates.`);
  }
}

function gated(full: Tensor, sparse: Tensor, gates: Tensor, offsets: readonly number[]): CallArguments {
  return new CallArguments().tensor(full).tensor(sparse).tensor(gates).number(offsets.length - 1, ...offsets);
}
