import { InvalidModeError } from "@elastic-attention/core";

/** @throws InvalidModeError naming the mode and the setting when it is not a whole number above 0. */
export function requirePositiveInteger(mode: string, setting: string, value: unknown): void {
  if (!Number.isSafeInteger(value) || (value as number) <= 0) {
    throw new InvalidModeError(`${mode}: ${setting} must be a whole number above 0, found ${String(value)}.`);
  }
}
