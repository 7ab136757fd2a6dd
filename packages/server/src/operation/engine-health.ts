import { DeviceError, EngineWorkerError } from "@elastic-attention/core";
import type { Engine } from "@elastic-attention/generation";

/** Between two attempts to start an engine again. */
const retryMilliseconds = 5000;
/** Attempts to start an engine again after which another process is asked for; they go on meanwhile. */
const patientAttempts = 3;
/** Device errors in a row after which nobody believes in another attempt. */
const mostDeviceErrors = 3;

/**
 * Whether the engine computes. After its thread has died it is asked until it has started another one; a device that stays
 * broken is for another process.
 */
export class EngineHealth {
  #isHealthy = true;
  #isAsking = false;
  #isLost = false;
  #deviceErrors = 0;
  #attempts = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param onLost called when the device is lost to this process, and when the engine does not start again in it */
  constructor(
    private readonly engine: Engine,
    private readonly onLost: (error: Error) => void = () => {},
  ) {}

  get isHealthy(): boolean {
    return this.#isHealthy;
  }

  /** A request has failed. */
  failed(error: unknown): void {
    if (this.#isLost || (!EngineWorkerError.isInstance(error) && !DeviceError.isInstance(error))) return;
    this.#isHealthy = false;
    if (DeviceError.isInstance(error)) {
      this.#deviceErrors += 1;
      this.#isLost = error.sticky || this.#deviceErrors >= mostDeviceErrors;
      if (this.#isLost) return this.onLost(error);
    }
    if (this.#isAsking) return;
    this.#isAsking = true;
    void this.#ask();
  }

  /** A request has been answered. */
  succeeded(): void {
    this.#deviceErrors = 0;
    this.#isHealthy = !this.#isLost;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<void> {
    try {
      // Starts another thread where the last one has ended.
      await this.engine.report();
      this.#isHealthy = !this.#isLost;
      this.#isAsking = false;
      this.#attempts = 0;
    } catch (error) {
      this.#attempts += 1;
      if (this.#attempts === patientAttempts) this.onLost(error as Error);
      this.#timer = setTimeout(() => void this.#ask(), retryMilliseconds);
      this.#timer.unref();
    }
  }
}
