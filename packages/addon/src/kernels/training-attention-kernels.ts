import { attentionBackward, attentionScoresOf, dualAttention, expectCacheGradients, retrievalSide } from "@elastic-attention/attention";
import { expectShape } from "@elastic-attention/tensor";
import { CallArguments } from "../call-arguments.js";
import type { NativeBackend } from "../native-backend.js";
import { pushAttention } from "./packing/pack-attention.js";
import { registerPacked } from "./packed-kernel.js";
import { computeFloats, requireRows } from "./requirements.js";

/** Both sides of attention in one call, and its gradients, where the addon has them. */
export function registerTrainingAttentionKernels(backend: NativeBackend): void {
  const { addon } = backend;
  const requireComputeFloats = computeFloats(backend.traits.computeDTypes);

  registerPacked(backend, dualAttention, addon.dualAttention, {
    name: "tiles",
    supports: ({ query, fullOutput, sparseOutput, sequences }) => [
      ...requireComputeFloats({ query, fullOutput, sparseOutput }),
      ...sequences.flatMap(({ cache }) => requireComputeFloats({ "the cache": cache.keys })),
      ...requireRows(sequences.map(({ cache }) => cache)),
    ],
    pack({ query, fullOutput, sparseOutput, fullLogSumExp, sparseLogSumExp, sequences, ...scores }) {
      const [call, full] = [new CallArguments(), sequences.map(retrievalSide)];
      pushAttention("dualAttention", call, { query, output: fullOutput, logSumExp: fullLogSumExp, sequences: full, ...scores });
      return pushAttention("dualAttention", call, { query, output: sparseOutput, logSumExp: sparseLogSumExp, sequences, ...scores });
    },
  });

  registerPacked(backend, attentionBackward, addon.attentionBackward, {
    name: "tiles",
    supports: ({ query, output, outputGradient, queryGradient, sequences, cacheGradients }) => [
      ...requireComputeFloats({ query, output, outputGradient, queryGradient }),
      ...sequences.flatMap(({ cache }) => requireComputeFloats({ "the cache": cache.keys })),
      ...requireRows(sequences.map(({ cache }) => cache)),
      ...cacheGradients.flatMap(({ keys, values }) =>
        requireComputeFloats({ "the gradient of the keys": keys, "the gradient of the values": values }),
      ),
    ],
    pack(backward) {
      const { query, output, logSumExp, outputGradient, queryGradient, sequences, cacheGradients } = backward;
      const call = pushAttention("attentionBackward", new CallArguments(), { query, output, logSumExp, sequences, ...attentionScoresOf(backward) });
      for (const [name, tensor] of Object.entries({ outputGradient, queryGradient })) {
        expectShape("attentionBackward", name, tensor, query.shape);
        call.tensor(tensor);
      }
      call.flag(backward.accumulate ?? false).flag(backward.deterministic ?? false);
      expectCacheGradients(sequences, cacheGradients);
      for (const { keys, values } of cacheGradients) call.tensor(keys).tensor(values);
      return call;
    },
  });
}
