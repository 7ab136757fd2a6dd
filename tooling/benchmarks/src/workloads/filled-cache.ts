import { SequenceCache } from "@elastic-attention/attention";
import type { Router } from "@elastic-attention/router";
import { fillNormal } from "@elastic-attention/tensor";
import type { DecoderModel } from "@elastic-attention/transformer";

/** A cache as a prefill of `tokens` would leave it, with random keys and values: filling one takes no prefill. */
export function filledCache({ backend, spec, pagePool: pool }: DecoderModel, tokens: number, reserveTokens: number, router: Router | undefined): SequenceCache {
  const { numLayers, numKeyValueHeads, headDim } = spec;
  const cache = new SequenceCache({ backend, numLayers, numKeyValueHeads, headDim, dtype: "bf16", reserveTokens, ...(pool === undefined ? {} : { pool }) });
  using rows = backend.allocate([tokens, numKeyValueHeads, headDim], "bf16");
  backend.kernels.run(fillNormal, { output: rows, seed: 5, deviation: 1 });
  for (let layer = 0; layer < numLayers; layer++) {
    cache.append(layer, rows, rows);
    using plan = router?.route({ backend, layer, keys: rows, offsets: [0, tokens] });
    const heads = Array.from({ length: numKeyValueHeads }, (_, head) => plan?.modeOf(0, head) ?? ({ kind: "full" } as const));
    cache.settle(layer, heads);
  }
  cache.advance(tokens);
  return cache;
}
