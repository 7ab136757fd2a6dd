import type { PagePool } from "@elastic-attention/attention";
import type { PretrainedModel } from "@elastic-attention/transformer";
import type { RoutingSource } from "./request-routing.js";
import type { Tokenizer } from "./tokenizer.js";

/** What all requests of an engine share. */
export interface EngineContext extends RoutingSource {
  readonly model: PretrainedModel;
  readonly tokenizer: Tokenizer;
  readonly endOfText: ReadonlySet<number>;
  /** Where keys and values of all requests are kept in pages; without it each cache has memory of its own. */
  readonly pool?: PagePool | undefined;
}
