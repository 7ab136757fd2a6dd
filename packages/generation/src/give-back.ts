import { DeviceError } from "@elastic-attention/core";

/**
 * Frees what nobody needs any more. A device that fails at that fails no request: none depends on it, the memory counts as
 * given back, and who computes next is told if the device is broken.
 */
export function giveBack(resource: Disposable | undefined): void {
  try {
    resource?.[Symbol.dispose]();
  } catch (error) {
    if (!DeviceError.isInstance(error)) throw error;
  }
}
