import { createContext, Script } from "node:vm";
import { TokenizerError } from "@elastic-attention/core";
import { shortened } from "./unsupported-pattern.js";

/** How long the searches in one text may take together, and how much longer for each of its characters. */
const longestMilliseconds = 450;
const leastMilliseconds = 100;
const millisecondsPerCharacter = 0.001;
/** A process that ran for less than this share of the time was kept from running by others: the search is tried again with twice the time. */
const leastShare = 0.5;
const mostTries = 5;

const call = new Script("work()");
let context: { work?: () => void } | undefined;

/** What is left of the time for the searches in one text: as clock and processor say, whichever is less. */
class SearchTime {
  readonly #allowed: number;
  #clock = 0;
  readonly #processor = process.cpuUsage();

  constructor(length: number) {
    this.#allowed = longestMilliseconds + millisecondsPerCharacter * length;
  }

  /** Runs a search that was seen to be short. */
  short<T>(search: () => T, pattern: string): T {
    const start = performance.now();
    try {
      return search();
    } catch (error) {
      throw engineError(error, pattern);
    } finally {
      this.#clock += performance.now() - start;
      if (this.#clock > this.#allowed) this.#check(pattern);
    }
  }

  /**
   * Runs a search that may take for ever. Only the engine can stop a regular expression from within its thread, and only
   * for a script with a time limit, so the search is called from one.
   */
  watched<T>(search: () => T, pattern: string): T {
    const timeout = Math.max(leastMilliseconds, Math.min(longestMilliseconds, Math.ceil(this.#allowed - this.#clock)));
    const before = process.cpuUsage();
    for (let tries = 1; ; tries++) {
      const start = performance.now();
      const result = runFor(search, timeout * 2 ** (tries - 1));
      this.#clock += performance.now() - start;
      if (result.done) {
        if (this.#clock > this.#allowed) this.#check(pattern);
        return result.value;
      }
      if (result.cause instanceof Error && !isTimeout(result.cause)) throw engineError(result.cause, pattern);
      if (tries === mostTries || milliseconds(process.cpuUsage(before)) >= leastShare * timeout) throw runaway(pattern, result.cause);
    }
  }

  #check(pattern: string): void {
    if (milliseconds(process.cpuUsage(this.#processor)) > this.#allowed) throw runaway(pattern);
    // Other processes took the time. The processor is asked again once as much has passed.
    this.#clock = 0;
  }
}

let current: SearchTime | undefined;

/** Counts the time of all searches in a text together. */
export function withinSearchTime<T>(length: number, work: () => T): T {
  const outer = current;
  current = new SearchTime(length);
  try {
    return work();
  } finally {
    current = outer;
  }
}

/**
 * Runs a search within the time of the text that is being encoded, or else of the text that is searched.
 * @param watched whether it may take for ever.
 * @throws TokenizerError when the time is over
 */
export function searchInTime<T>(search: () => T, pattern: string, length: number, watched: boolean): T {
  const time = current ?? new SearchTime(length);
  return watched ? time.watched(search, pattern) : time.short(search, pattern);
}

type Result<T> = { readonly done: true; readonly value: T } | { readonly done: false; readonly cause: unknown };

function runFor<T>(search: () => T, timeout: number): Result<T> {
  context ??= createContext({}) as { work?: () => void };
  const outer = context.work;
  let result: Result<T> | undefined;
  context.work = () => {
    try {
      result = { done: true, value: search() };
    } catch (cause) {
      result = { done: false, cause };
    }
  };
  try {
    call.runInContext(context, { timeout });
  } catch (cause) {
    return { done: false, cause };
  } finally {
    if (outer === undefined) delete context.work;
    else context.work = outer;
  }
  return result ?? { done: false, cause: undefined };
}

function isTimeout(error: Error): boolean {
  return (error as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT";
}

function milliseconds({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1000;
}

/** The engine's own stack can be what ends first, or its room for a compiled expression. */
function engineError(error: unknown, pattern: string): unknown {
  return error instanceof RangeError || error instanceof SyntaxError ? runaway(pattern, error) : error;
}

function runaway(pattern: string, cause?: unknown): TokenizerError {
  return new TokenizerError(`The pattern ${JSON.stringify(shortened(pattern))} takes too long on this text.`, {
    hint: "The tokenizer's pattern runs away on such texts; take another tokenizer, or shorten the text.",
    cause,
  });
}
