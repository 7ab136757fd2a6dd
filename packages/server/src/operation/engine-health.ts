import { DeviceError, EngineWorkerError } from "@elastic-attention/core";
import type { Engine } from "@elastic-attention/generation";

/** Between two attempts to start an engine again. */
const retryMilliseconds = 5000;

/** Whether the engine computes. After its thread has died it is asked until it has started another one. */
export class EngineHealth {
  #isHealthy = true;
  #isAsking = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly engine: Engine) {}

  get isHealthy(): boolean {
    return this.#isHealthy;
  }

  /** A request has failed. */
  failed(error: unknown): void {
    if (!EngineWorkerError.isInstance(error) && !DeviceError.isInstance(error)) return;
    this.#isHealthy = false;
    if (this.#isAsking) return;
    this.#isAsking = true;
    void this.#ask();
  }

  /** A request has been answered. */
  succeeded(): void {
    this.#isHealthy = true;
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  async #ask(): Promise<void> {
    try {
      // Starts another thread where the last one has ended.
      await this.engine.report();
      this.#isHealthy = true;
      this.#isAsking = false;
    } catch {
      this.#timer = setTimeout(() => void this.#ask(), retryMilliseconds);
      this.#timer.unref();
    }
  }
}
