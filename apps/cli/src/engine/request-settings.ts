import type { GenerationRequest } from "@elastic-attention/generation";
import { registeredRouters } from "@elastic-attention/router";
import type { GenerationOptions } from "../options/generation-options.js";
import type { RoutingOptions } from "../options/routing-options.js";

/** The router of --router: the name of one that --load registered, else a file. */
export function chosenRouter({ router }: Pick<RoutingOptions, "router">): { readonly name?: string; readonly file?: string } {
  if (router === undefined) return {};
  return registeredRouters().includes(router) ? { name: router } : { file: router };
}

/** The part of a request that says how heads are routed. */
export function requestRouting(options: RoutingOptions): Pick<GenerationRequest, "mode" | "sparsity"> & { readonly router?: string } {
  const { mode, sparsity } = options;
  const { name } = chosenRouter(options);
  return {
    ...(mode === undefined ? {} : { mode }),
    ...(sparsity === undefined ? {} : { sparsity }),
    ...(name === undefined ? {} : { router: name }),
  };
}

/** The part of a request that options decide. */
export function requestSettings(options: RoutingOptions & GenerationOptions): GenerationRequest {
  const { decode, maxNewTokens, stop, greedy, temperature, topK, topP, minP, repetitionPenalty, seed } = options;
  return {
    decode,
    ...requestRouting(options),
    ...(maxNewTokens === undefined ? {} : { maxNewTokens }),
    ...(stop === undefined ? {} : { stop }),
    sampling: {
      ...(greedy === true ? { temperature: 0, repetitionPenalty: 1 } : {}),
      ...(temperature === undefined ? {} : { temperature }),
      ...(topK === undefined ? {} : { topK }),
      ...(topP === undefined ? {} : { topP }),
      ...(minP === undefined ? {} : { minP }),
      ...(repetitionPenalty === undefined ? {} : { repetitionPenalty }),
      ...(seed === undefined ? {} : { seed }),
    },
  };
}
