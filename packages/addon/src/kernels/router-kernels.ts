import { expectDecision, pooledRanges, routerLogits } from "@elastic-attention/router";
import { expectShape } from "@elastic-attention/tensor";
import { CallArguments } from "../call-arguments.js";
import type { NativeBackend } from "../native-backend.js";
import { computeFloats } from "./requirements.js";

/** The Attention Router, all sequences and heads in one call. */
export function registerRouterKernels(backend: NativeBackend): void {
  const requireComputeFloats = computeFloats(backend.traits.computeDTypes);
  backend.kernels.register(routerLogits, {
    name: "heads",
    supports: ({ keys }) => requireComputeFloats({ keys }),
    run({ keys, offsets, weights, pooling, rounding, output, decision }) {
      const [heads, sequences] = [keys.shape[1] ?? -1, offsets.length - 1];
      expectShape("routerLogits", "keys", keys, [-1, heads, weights.headDim]);
      expectShape("routerLogits", "output", output, [sequences, heads, weights.classes]);
      const call = new CallArguments().tensor(keys).tensor(output).number(heads, weights.headDim);
      call.flag(rounding === "bfloat16");
      if (decision === undefined) {
        call.missing().number(0);
      } else {
        expectDecision(decision, output.shape);
        call.tensor(decision.assignment).number(decision.threshold);
      }
      for (const { weight, bias } of [...weights.taskMlp, ...weights.routerMlp]) call.tensor(weight).vector(bias);
      call.number(sequences);
      for (let sequence = 0; sequence < sequences; sequence++) {
        const ranges = pooledRanges(pooling, offsets[sequence]!, offsets[sequence + 1]!, sequence);
        call.number(ranges.length, ...ranges.flat());
      }
      backend.call("routerLogits", backend.addon.routerLogits, call);
    },
  });
}
