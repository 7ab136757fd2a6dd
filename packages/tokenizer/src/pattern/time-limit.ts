import { createContext, Script } from "node:vm";
import { TokenizerError } from "@elastic-attention/core";
import { shortened } from "./unsupported-pattern.js";

/** How long one stretch of a search may take. */
const longestMilliseconds = 600;

const call = new Script("work()");
let context: { work?: () => void } | undefined;

/**
 * Runs a search that may take for ever. Only the engine can stop a regular expression from within its thread, and only
 * for a script with a time limit, so the search is called from one.
 * @throws TokenizerError when the time is over
 */
export function withinTime<T>(search: () => T, pattern: string): T {
  context ??= createContext({}) as { work?: () => void };
  const outer = context.work;
  const result: { value?: T; error?: unknown; failed?: boolean } = {};
  context.work = () => {
    try {
      result.value = search();
    } catch (error) {
      result.error = error;
      result.failed = true;
    }
  };
  try {
    call.runInContext(context, { timeout: longestMilliseconds });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw cause;
    throw runaway(pattern, cause);
  } finally {
    if (outer === undefined) delete context.work;
    else context.work = outer;
  }
  // The engine's own stack can be what ends first.
  if (result.failed === true) throw result.error instanceof RangeError ? runaway(pattern, result.error) : result.error;
  return result.value as T;
}

function runaway(pattern: string, cause: unknown): TokenizerError {
  return new TokenizerError(`The pattern ${JSON.stringify(shortened(pattern))} takes too long on this text.`, {
    hint: "The tokenizer's pattern runs away on such texts; take another tokenizer, or shorten the text.",
    cause,
  });
}
