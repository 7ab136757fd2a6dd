import type { HubWait } from "../connection/retry-policy.js";

/** How far the fetching of a model has come. */
export interface ModelProgress {
  /** The file that is fetched just now. */
  readonly path: string;
  /** Files that are complete, and all that are fetched. */
  readonly filesDone: number;
  readonly filesTotal: number;
  /** Bytes of all these files that are on the disk, those of an earlier try included. */
  readonly done: number;
  readonly total: number;
  /** Over the last seconds. */
  readonly bytesPerSecond: number;
  /** The hub is busy or fails for a moment, and is asked again after this pause. */
  readonly wait?: HubWait;
}

/** The rate is that of the last so many milliseconds. */
const span = 5000;

/** Adds up what the files of a model report one after the other. */
export class Transfer {
  #samples: { readonly time: number; readonly bytes: number }[] = [];
  #filesDone = 0;
  #bytesDone = 0;
  #current = 0;
  #path = "";

  constructor(
    private readonly filesTotal: number,
    private readonly total: number,
    private readonly report: (progress: ModelProgress) => void,
  ) {}

  /** A file begins. */
  start(path: string): void {
    this.#path = path;
    this.#current = 0;
    // What an earlier try left counts as done, not as transferred.
    this.#samples = [];
  }

  /** Bytes of the file that are there. */
  update(bytes: number): void {
    this.#current = bytes;
    const time = performance.now();
    this.#samples.push({ time, bytes: this.#bytesDone + bytes });
    while (this.#samples.length > 2 && time - this.#samples[0]!.time > span) this.#samples.shift();
    this.#report();
  }

  /** The file is complete. */
  finish(size: number): void {
    this.#filesDone += 1;
    this.#bytesDone += size;
    this.#current = 0;
    this.#report();
  }

  waiting(wait: HubWait): void {
    this.#report(wait);
  }

  #report(wait?: HubWait): void {
    const { filesTotal, total } = this;
    const common = { path: this.#path, filesDone: this.#filesDone, filesTotal, done: this.#bytesDone + this.#current, total };
    this.report({ ...common, bytesPerSecond: this.#rate(), ...(wait === undefined ? {} : { wait }) });
  }

  #rate(): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.time <= first.time) return 0;
    return (1000 * (last.bytes - first.bytes)) / (last.time - first.time);
  }
}
