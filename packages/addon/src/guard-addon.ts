import { DeviceError, ElasticAttentionError, OutOfMemoryError, ShapeError } from "@elastic-attention/core";

/** The error that a caller sees for what a function of an addon threw. */
export type TranslateFailure = (operation: string, error: unknown) => ElasticAttentionError;

/**
 * An addon whose every function throws (or rejects with) what `translate` makes of its failures. It is the one way into an
 * addon: no call can go round it. What is not a function stays as it is.
 */
export function guardAddon<Addon extends object>(addon: Addon, translate: TranslateFailure): Addon {
  const guarded: Record<string, unknown> = {};
  for (const name of memberNames(addon)) {
    const member = (addon as Record<string, unknown>)[name];
    guarded[name] = typeof member === "function" ? guardFunction(addon, name, member as AddonFunction, translate) : member;
  }
  return guarded as Addon;
}

type AddonFunction = (...values: unknown[]) => unknown;

function guardFunction(addon: object, name: string, member: AddonFunction, translate: TranslateFailure): AddonFunction {
  return (...values) => {
    try {
      const result = member.apply(addon, values);
      if (!(result instanceof Promise)) return result;
      return result.catch((error: unknown) => {
        throw translate(name, error);
      });
    } catch (error) {
      throw translate(name, error);
    }
  };
}

/** Own and inherited ones: an addon may be an instance of a class. */
function memberNames(addon: object): Set<string> {
  const names = new Set<string>();
  for (let object: object | null = addon; object !== null && object !== Object.prototype; object = Object.getPrototypeOf(object) as object | null) {
    for (const name of Object.getOwnPropertyNames(object)) names.add(name);
  }
  names.delete("constructor");
  return names;
}

/**
 * The typed error for a failure of a device's addon: no memory, wrong arguments, and for everything else the device, in the
 * words of its driver. This project's own errors pass.
 *
 * @param outOfMemory makes the error for an allocation of so many bytes
 */
export function deviceFailure(
  backendName: string,
  operation: string,
  error: unknown,
  outOfMemory: (requestedBytes: number) => OutOfMemoryError,
): ElasticAttentionError {
  if (ElasticAttentionError.isInstance(error)) return error;
  const { code, requestedBytes, sticky } = (error ?? {}) as { readonly code?: unknown; readonly requestedBytes?: number; readonly sticky?: boolean };
  if (code === "OUT_OF_MEMORY") return outOfMemory(requestedBytes ?? 0);
  const problem = (error instanceof Error ? error.message : String(error)).replace(/\.$/, "");
  if (error instanceof RangeError || error instanceof TypeError) return new ShapeError(`${operation}: ${problem}.`);
  return new DeviceError(backendName, operation, problem, { cause: error, ...(sticky === undefined ? {} : { sticky }) });
}

/** One call of an addon whose backend is not made yet. @throws OutOfMemoryError, ShapeError, DeviceError */
export function guardCall<Result>(backendName: string, operation: string, call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    throw deviceFailure(backendName, operation, error, (bytes) => new OutOfMemoryError(backendName, bytes, 0, undefined));
  }
}
