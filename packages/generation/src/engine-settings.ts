import { InvalidRequestError, mostDraftTokens, type SpeculationOptions, speculationOptions } from "@elastic-attention/core";

/** How an engine shares its model among requests. */
export interface EngineSettings {
  /** Requests that decode together at most. Default 64. */
  readonly maximumBatch?: number;
  /**
   * How long the prefill of one request may run before the answers of others get their next token. Default 50; a slice of
   * a prefill that takes longer cannot be cut. Infinity: every prompt is read to its end, and the answers of many grow
   * together; for throughput over latency.
   */
  readonly prefillBudgetMilliseconds?: number;
  /** Sessions whose caches are kept between their turns. Default 16. */
  readonly maximumSessions?: number;
  /**
   * Bytes that weights, keys and values and activations may take together; default: the device's memory. It holds for the
   * backend as a whole while the engine lives, whoever else computes there.
   */
  readonly memoryLimitBytes?: number;
  /** Keeps keys and values of prompts that have been read, so that what a new prompt begins with is not read again. */
  readonly prefixCache?: PrefixCacheSettings;
  /**
   * "ngram": where an answer repeats its prompt or itself, the tokens that followed there are drafted, and a decode step checks
   * all of them at once. Every token has the probability that it has without: at temperature 0, and for the same seed, the text
   * is the same, where a device gives a sequence the same bits alone and in a batch. "off" (default): one token a step.
   */
  readonly speculate?: SpeculationOptions["speculate"];
  /** Tokens of a draft at most, 1 to 15. Default 15; how many are drafted follows how many were right. */
  readonly speculateTokens?: number;
}

/** How much of what was read stays. */
export interface PrefixCacheSettings {
  /** Default true, where the backend's memory grows in place (cpu, cuda) and the model's angles do not depend on a sequence's length. */
  readonly enabled?: boolean;
  /** Bytes of keys and values that are kept at most. Default: half of what the weights leave of the memory. */
  readonly maxBytes?: number;
  /**
   * Keeps answers too, so that a second turn reads what is new alone. Decoding and reading agree to the rounding of the type, not
   * to the bit. Default: true, but not on cpu, where whatever is reused gives the same logits as reading it again.
   */
  readonly answers?: boolean;
}

/** Settings with every default filled in. */
export interface CheckedSettings extends Required<Omit<EngineSettings, "memoryLimitBytes" | "prefixCache" | "speculate" | "speculateTokens">> {
  readonly memoryLimitBytes: number | undefined;
  readonly prefixCache: { readonly enabled: boolean; readonly maxBytes: number | undefined; readonly answers: boolean | undefined };
  /** Tokens of a draft at most; 0: nothing is drafted. */
  readonly draftTokens: number;
}

/** @throws InvalidRequestError for settings out of range, naming the setting */
export function checkSettings(settings: EngineSettings): CheckedSettings {
  const { maximumBatch = 64, prefillBudgetMilliseconds = 50, maximumSessions = 16, memoryLimitBytes, prefixCache = {} } = settings;
  requireSetting("maximumBatch", maximumBatch, Number.isSafeInteger(maximumBatch) && maximumBatch > 0, "a whole number above 0");
  requireSetting("prefillBudgetMilliseconds", prefillBudgetMilliseconds, prefillBudgetMilliseconds >= 0, "0 or more, or Infinity");
  requireSetting("maximumSessions", maximumSessions, Number.isSafeInteger(maximumSessions) && maximumSessions >= 0, "a whole number, 0 or more");
  if (memoryLimitBytes !== undefined) {
    requireSetting("memoryLimitBytes", memoryLimitBytes, Number.isSafeInteger(memoryLimitBytes) && memoryLimitBytes > 0, "a whole number above 0");
  }
  const draftTokens = checkSpeculation(settings);
  return { maximumBatch, prefillBudgetMilliseconds, maximumSessions, memoryLimitBytes, prefixCache: checkPrefixCache(prefixCache), draftTokens };
}

/** @returns tokens of a draft at most */
function checkSpeculation({ speculate = "off", speculateTokens }: EngineSettings): number {
  const { speculate: how, speculateTokens: tokens } = speculationOptions;
  if ("found" in how.type.read([speculate])) throw new InvalidRequestError(`speculate must be ${how.type.allowed}, found ${JSON.stringify(speculate)}.`);
  if (speculateTokens === undefined) return speculate === "off" ? 0 : mostDraftTokens;
  requireSetting("speculateTokens", speculateTokens, "value" in tokens.type.read([String(speculateTokens)]), tokens.type.allowed);
  if (speculate === "off") throw new InvalidRequestError('speculateTokens does nothing without speculate: "ngram".', "Give both, or leave it out.");
  return speculateTokens;
}

function checkPrefixCache(settings: PrefixCacheSettings): CheckedSettings["prefixCache"] {
  if (typeof settings !== "object" || settings === null) throw new InvalidRequestError(`prefixCache must be { enabled, maxBytes, answers }, found ${JSON.stringify(settings)}.`);
  const { enabled = true, maxBytes, answers } = settings;
  if (typeof enabled !== "boolean") throw new InvalidRequestError(`prefixCache.enabled must be true or false, found ${String(enabled)}.`);
  if (maxBytes !== undefined && !(Number.isSafeInteger(maxBytes) && maxBytes >= 0)) {
    throw new InvalidRequestError(`prefixCache.maxBytes must be a whole number, 0 or more, found ${String(maxBytes)}.`);
  }
  if (answers !== undefined && typeof answers !== "boolean") throw new InvalidRequestError(`prefixCache.answers must be true or false, found ${String(answers)}.`);
  return { enabled, maxBytes, answers };
}

function requireSetting(name: keyof EngineSettings, value: number, isValid: boolean, expected: string): void {
  if (typeof value !== "number" || !isValid) throw new InvalidRequestError(`${name} must be ${expected}, found ${String(value)}.`);
}
