import { canRedraw } from "./can-redraw.js";
import { TerminalBar } from "./terminal-bar.js";

/** Between two plain lines at least; work that is done sooner says nothing. */
const lineMilliseconds = 5000;

/** Progress on standard error, so that results can be piped: a bar on a terminal, a plain line now and then elsewhere. */
export class Progress implements Disposable {
  #bar: TerminalBar | undefined;
  #lastLine = performance.now();
  #lastQuarter = 0;

  /**
   * @param state how far the work is: "3.5 MB of 12.0 MB", "layer 3 of 12"
   * @param lines without a terminal a line at each quarter, or one now and then: what is mostly done at once says nothing
   */
  constructor(
    private readonly label: string,
    private readonly state: (done: number, total: number) => string = (done, total) => `${done} of ${total}`,
    private readonly lines: "quarters" | "seldom" = "quarters",
  ) {}

  update(done: number, total: number): void {
    if (!canRedraw(process.stderr)) {
      if (this.#isDue(Math.floor((4 * done) / total))) console.error(`${this.label}: ${this.state(done, total)}`);
      return;
    }
    this.#bar ??= new TerminalBar(`${this.label} {bar} {state} | {eta_formatted} left`);
    this.#bar.update(done, total, { state: this.state(done, total) });
  }

  #isDue(quarter: number): boolean {
    const due = this.lines === "quarters" ? quarter > this.#lastQuarter : performance.now() - this.#lastLine >= lineMilliseconds;
    this.#lastQuarter = quarter;
    if (due) this.#lastLine = performance.now();
    return due;
  }

  [Symbol.dispose](): void {
    this.#bar?.[Symbol.dispose]();
    this.#bar = undefined;
  }
}

/** Progress of a model's layers, from the first: "layer 3 of 12". */
export function layersOf(done: number, total: number): string {
  return `layer ${done} of ${total}`;
}
