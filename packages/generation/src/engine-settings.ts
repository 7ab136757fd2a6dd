import { InvalidRequestError } from "@elastic-attention/core";

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
}

/** Settings with every default filled in. */
export interface CheckedSettings extends Required<Omit<EngineSettings, "memoryLimitBytes">> {
  readonly memoryLimitBytes: number | undefined;
}

/** @throws InvalidRequestError for settings out of range, naming the setting */
export function checkSettings({ maximumBatch = 64, prefillBudgetMilliseconds = 50, maximumSessions = 16, memoryLimitBytes }: EngineSettings): CheckedSettings {
  requireSetting("maximumBatch", maximumBatch, Number.isSafeInteger(maximumBatch) && maximumBatch > 0, "a whole number above 0");
  requireSetting("prefillBudgetMilliseconds", prefillBudgetMilliseconds, prefillBudgetMilliseconds >= 0, "0 or more, or Infinity");
  requireSetting("maximumSessions", maximumSessions, Number.isSafeInteger(maximumSessions) && maximumSessions >= 0, "a whole number, 0 or more");
  if (memoryLimitBytes !== undefined) {
    requireSetting("memoryLimitBytes", memoryLimitBytes, Number.isSafeInteger(memoryLimitBytes) && memoryLimitBytes > 0, "a whole number above 0");
  }
  return { maximumBatch, prefillBudgetMilliseconds, maximumSessions, memoryLimitBytes };
}

function requireSetting(name: keyof EngineSettings, value: number, isValid: boolean, expected: string): void {
  if (typeof value !== "number" || !isValid) throw new InvalidRequestError(`${name} must be ${expected}, found ${String(value)}.`);
}
