import { setImmediate } from "node:timers/promises";

/** What a loop runs. */
export interface Steps {
  /** Whether there is anybody to take steps for. */
  hasWork(): boolean;
  /** @returns whether anything was done; the loop then sleeps until it is woken */
  step(): Promise<boolean>;
  /** A step has failed in a way that it does not expect. */
  failed(error: unknown): void;
}

/** Takes steps while there is work, with a turn of the event loop between them. */
export class StepLoop {
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  /** Whether something has happened since the step began. */
  #changed = false;

  constructor(private readonly steps: Steps) {}

  /** Something may have changed; starts the loop where it does not run. */
  wake(): void {
    this.#changed = true;
    this.#wake?.();
    if (this.steps.hasWork()) this.#running ??= this.#run();
  }

  /** Resolves when no step runs and there is no more work. */
  async end(): Promise<void> {
    this.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { steps } = this;
    while (steps.hasWork()) {
      // Timers and messages can abort requests in between, and requests that come at once are seen together.
      await setImmediate();
      this.#changed = false;
      const isBusy = await steps.step().catch((error: unknown) => {
        steps.failed(error);
        return true;
      });
      if (!isBusy && !this.#changed && steps.hasWork()) await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
    this.#running = undefined;
  }
}
