import { fullMode, type SequenceCache } from "@elastic-attention/attention";
import type { Router } from "@elastic-attention/router";
import { fillNormal } from "@elastic-attention/tensor";
import type { DecoderModel } from "@elastic-attention/transformer";

/** A cache as a prefill of `tokens` would leave it, with random keys and values: filling one takes no prefill. */
export function filledCache(model: DecoderModel, tokens: number, reserveTokens: number, router: Router | undefined): SequenceCache {
  const { backend, dtype } = model;
  const { numLayers, numKeyValueHeads, headDim } = model.spec;
  const cache = model.createCache({ reserveTokens });
  using rows = backend.allocate([tokens, numKeyValueHeads, headDim], dtype);
  backend.kernels.run(fillNormal, { output: rows, seed: 5, deviation: 1 });
  for (let layer = 0; layer < numLayers; layer++) {
    cache.append(layer, rows, rows);
    using plan = router?.route({ backend, layer, keys: rows, offsets: [0, tokens] });
    cache.settle(layer, plan?.waitForModes(0) ?? Array.from({ length: numKeyValueHeads }, () => fullMode));
  }
  cache.advance(tokens);
  return cache;
}
