/** Something that is written to a client a part at a time. */
export interface PacedStream {
  /** Writes what has been gathered. */
  flush(): void;
}

/** Below so many streams each event goes out by itself. */
const manyStreams = 16;

/**
 * When streams write: at the end of a turn of the event loop while there are few of them. A write costs as much as making what it
 * writes, so that many streams gather for a moment and then write together: no event is lost or joined with another, and a client
 * that reads sees a token some hundredths of a second later.
 */
export class StreamPace {
  readonly #open = new Set<PacedStream>();
  readonly #waiting = new Set<PacedStream>();
  #isScheduled = false;
  #lastFlush = -Infinity;

  /** @param gatherMilliseconds how long many streams gather; 0: never */
  constructor(private readonly gatherMilliseconds: number) {}

  /** A stream has begun. @returns ends it */
  enter(stream: PacedStream): () => void {
    this.#open.add(stream);
    return () => {
      this.#open.delete(stream);
      this.#waiting.delete(stream);
    };
  }

  /** A stream has something to write. */
  request(stream: PacedStream): void {
    this.#waiting.add(stream);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const wait = this.#open.size < manyStreams ? 0 : this.#lastFlush + this.gatherMilliseconds - performance.now();
    if (wait <= 0) setImmediate(() => this.#flush());
    else setTimeout(() => this.#flush(), wait);
  }

  #flush(): void {
    this.#isScheduled = false;
    this.#lastFlush = performance.now();
    const streams = [...this.#waiting];
    this.#waiting.clear();
    for (const stream of streams) stream.flush();
  }
}
