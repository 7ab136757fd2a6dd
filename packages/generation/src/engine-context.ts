import type { GenerationDefaults } from "./defaults/generation-defaults.js";
import type { ExpectedSparsity } from "./request/expected-sparsity.js";
import type { PrefixCache } from "./prefix/prefix-cache.js";
import type { RouterChoice } from "./request/router-choice.js";
import type { SessionStore } from "./session/session-store.js";
import type { Tokenizer } from "./tokenizer/tokenizer.js";

/** What all requests of an engine share. */
export interface EngineContext {
  readonly choice: RouterChoice;
  readonly tokenizer: Tokenizer;
  /** What counts where a request says nothing. */
  readonly defaults: GenerationDefaults;
  readonly endOfText: ReadonlySet<number>;
  readonly sessions: SessionStore;
  readonly prefixes: PrefixCache;
  readonly sparsity: ExpectedSparsity;
  /** Tokens that may be drafted for a decode step of an answer; 0: none. */
  readonly draftTokens: number;
}
