/** Events of one request on their way to its one reader. */
export class EventQueue<Event> {
  readonly #events: Event[] = [];
  #end: { readonly error?: unknown } | undefined;
  #wake: (() => void) | undefined;

  /** @param onRead called whenever the reader took something: it may be time to compute more. */
  constructor(private readonly onRead: () => void = () => {}) {}

  /** Events that nobody has read yet. */
  get unread(): number {
    return this.#events.length;
  }

  push(event: Event): void {
    if (this.#end !== undefined) return;
    this.#events.push(event);
    this.#wake?.();
  }

  /** The last event was pushed; what is unread stays. */
  end(): void {
    this.#end ??= {};
    this.#wake?.();
  }

  /** The reader gets this error after what is unread. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  /** The next event; undefined at the end. @throws what {@link fail} was given */
  async next(): Promise<Event | undefined> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) {
        this.onRead();
        return event;
      }
      if (this.#end !== undefined) {
        if ("error" in this.#end) throw this.#end.error;
        return undefined;
      }
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
