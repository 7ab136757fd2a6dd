/** How many events may still be sent to a reader; it gives more as it reads. */
export class EventCredits {
  #wake: (() => void) | undefined;

  constructor(private credits: number) {}

  /** Takes one; resolves when there is one. */
  async take(): Promise<void> {
    while (this.credits <= 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.credits -= 1;
  }

  /** The reader has read so many; Infinity: it wants what is left and nothing new comes. */
  give(events: number): void {
    this.credits += events;
    this.#wake?.();
  }
}
