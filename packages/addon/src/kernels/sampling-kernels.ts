import { expectLogProbabilityShapes, expectSampleShapes, logProbabilities, sampleTokens, type Tensor } from "@elastic-attention/tensor";
import { CallArguments } from "../call-arguments.js";
import type { NativeBackend } from "../native-backend.js";

/** Drawing tokens and their log-probabilities, all rows in one call. An addon that was built before it could is left out. */
export function registerSamplingKernels(backend: NativeBackend): void {
  const { addon, kernels, traits } = backend;
  const problems = (logits: Tensor) => traits.samplingProblems?.(logits.rowLength) ?? [];
  const { sampleTokens: sample, logProbabilities: tell } = addon;
  if (sample === undefined || tell === undefined) return;

  kernels.register(sampleTokens, {
    name: "rows",
    supports: ({ logits }) => problems(logits),
    run(asked) {
      expectSampleShapes(asked);
      const call = new CallArguments().tensor(asked.logits).vector(asked.output);
      for (const { sampling, seen, counts, bias, mask } of asked.rows) {
        const { temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty, uniform } = sampling;
        call.number(temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty, uniform);
        call.optional(seen).optional(counts).optional(bias).optional(mask);
      }
      backend.call("sampleTokens", sample, call);
    },
  });

  kernels.register(logProbabilities, {
    name: "rows",
    supports: ({ logits }) => problems(logits),
    run(asked) {
      expectLogProbabilityShapes(asked);
      const call = new CallArguments().tensor(asked.logits).vector(asked.tokens).tensor(asked.values);
      backend.call("logProbabilities", tell, call.optional(asked.topTokens).number(...asked.top));
    },
  });
}
