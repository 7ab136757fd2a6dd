import { createContext, Script } from "node:vm";
import { TokenizerError } from "@elastic-attention/core";
import { shortened } from "./unsupported-pattern.js";

/** How long one stretch of a search may take. */
const longestMilliseconds = 600;
/** A process that ran for less than this meanwhile was kept from running by others: it tries again with twice the time. */
const leastProcessorMilliseconds = 300;
const longestFactor = 16;

const call = new Script("work()");
let context: { work?: () => void } | undefined;

/**
 * Runs a search that may take for ever. Only the engine can stop a regular expression from within its thread, and only
 * for a script with a time limit, so the search is called from one.
 * @throws TokenizerError when the time is over
 */
export function withinTime<T>(search: () => T, pattern: string): T {
  const before = process.cpuUsage();
  for (let factor = 1; ; factor *= 2) {
    const result = runFor(search, factor * longestMilliseconds);
    if (result.done) return result.value;
    const { user, system } = process.cpuUsage(before);
    const ran = (user + system) / 1000 >= leastProcessorMilliseconds;
    if (ran || factor === longestFactor || result.cause instanceof RangeError) throw runaway(pattern, result.cause);
  }
}

type Result<T> = { readonly done: true; readonly value: T } | { readonly done: false; readonly cause: unknown };

/** A search that did not end has the cause: the time was over, or the engine's own stack. */
function runFor<T>(search: () => T, timeout: number): Result<T> {
  context ??= createContext({}) as { work?: () => void };
  const outer = context.work;
  let result: Result<T> | undefined;
  let failure: { readonly error: unknown } | undefined;
  context.work = () => {
    try {
      result = { done: true, value: search() };
    } catch (error) {
      failure = { error };
    }
  };
  try {
    call.runInContext(context, { timeout });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_SCRIPT_EXECUTION_TIMEOUT") throw cause;
    return { done: false, cause };
  } finally {
    if (outer === undefined) delete context.work;
    else context.work = outer;
  }
  if (failure?.error instanceof RangeError) return { done: false, cause: failure.error };
  if (result === undefined) throw failure?.error;
  return result;
}

function runaway(pattern: string, cause: unknown): TokenizerError {
  return new TokenizerError(`The pattern ${JSON.stringify(shortened(pattern))} takes too long on this text.`, {
    hint: "The tokenizer's pattern runs away on such texts; take another tokenizer, or shorten the text.",
    cause,
  });
}
