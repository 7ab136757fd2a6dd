import { Presets, SingleBar } from "cli-progress";

/** A bar on a terminal, a few plain lines elsewhere; on standard error, so that results can be piped. */
export class Progress implements Disposable {
  #bar: SingleBar | undefined;
  #lastQuarter = 0;

  /** @param amount how a number is written: "3.5 MB" */
  constructor(
    private readonly label: string,
    private readonly amount: (count: number) => string = String,
  ) {}

  update(done: number, total: number): void {
    if (!process.stderr.isTTY) {
      const quarter = Math.floor((4 * done) / total);
      if (quarter > this.#lastQuarter) console.error(`${this.label}: ${this.amount(done)} of ${this.amount(total)}`);
      this.#lastQuarter = quarter;
      return;
    }
    if (this.#bar === undefined) {
      const format = `${this.label} {bar} {percentage}% | {eta_formatted} left`;
      this.#bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true }, Presets.shades_classic);
      this.#bar.start(total, done);
    }
    this.#bar.update(done);
  }

  [Symbol.dispose](): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}
