import type { SamplingParameters } from "../request/generation-request.js";

/** What a model asks for where a request says nothing. */
export interface GenerationDefaults {
  readonly sampling: Omit<SamplingParameters, "seed">;
  readonly maxNewTokens?: number;
  /** Tokens of prompt and answer together, where the file limits them so and does not say how many are new. */
  readonly maxLength?: number;
  /** Texts that end an answer. */
  readonly stop?: readonly string[];
  /** Name of the file that says so; undefined: the model has none, and the engine's own defaults count. */
  readonly source: string | undefined;
  /** Settings of the file that would change answers and are not followed, such as `no_repeat_ngram_size: 3`. */
  readonly unsupported: readonly string[];
}

/** Of a model that asks for nothing. */
export const noDefaults: GenerationDefaults = { sampling: {}, source: undefined, unsupported: [] };
