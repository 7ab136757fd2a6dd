import { type DecodePolicy, type PagePool, SequenceCache } from "@elastic-attention/attention";
import type { ExpectedSparsity } from "./request/expected-sparsity.js";
import type { RouterChoice } from "./request/router-choice.js";
import type { SessionStore } from "./session/session-store.js";
import type { Tokenizer } from "./tokenizer/tokenizer.js";

/** What all requests of an engine share. */
export interface EngineContext {
  readonly choice: RouterChoice;
  readonly tokenizer: Tokenizer;
  readonly endOfText: ReadonlySet<number>;
  readonly sessions: SessionStore;
  readonly sparsity: ExpectedSparsity;
  /** Where keys and values of all requests are kept in pages; without it each cache has memory of its own. */
  readonly pool?: PagePool | undefined;
}

/** An empty cache for one sequence of the engine's model. */
export function createCache({ choice, pool }: EngineContext, decode: DecodePolicy, reserveTokens: number): SequenceCache {
  const { backend, dtype, spec } = choice.model.decoder;
  const { numLayers, numKeyValueHeads, headDim } = spec;
  return new SequenceCache({ backend, numLayers, numKeyValueHeads, headDim, dtype, decode, reserveTokens, ...(pool === undefined ? {} : { pool }) });
}
