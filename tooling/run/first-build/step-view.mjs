/** Shows steps of a build: one line that is written over on a terminal, elsewhere a line at the end of each. */
export class StepView {
  #title = "";
  #detail = "";
  #begun = 0;
  #timer;

  /** A terminal that calls itself dumb shows control sequences as they are: it gets lines, as a file does. */
  constructor(stream = process.stderr, redraws = stream.isTTY && process.env.TERM !== "dumb") {
    this.stream = stream;
    this.redraws = redraws;
  }

  begin(title) {
    this.#title = title;
    this.#detail = "";
    this.#begun = performance.now();
    if (!this.redraws) return;
    this.#draw();
    this.#timer = setInterval(() => this.#draw(), 500);
    this.#timer.unref();
  }

  progress(detail) {
    this.#detail = detail;
  }

  end(word) {
    clearInterval(this.#timer);
    this.#detail = word;
    if (this.redraws) this.#draw();
    this.stream.write(this.redraws ? "\n" : `${this.#line()}\n`);
  }

  #draw() {
    const width = Math.max(20, this.stream.columns || 80) - 1;
    this.stream.write(`\r\x1b[2K${this.#line().slice(0, width)}`);
  }

  #line() {
    const seconds = ((performance.now() - this.#begun) / 1000).toFixed(0);
    return `  ${this.#title}: ${this.#detail === "" ? "" : `${this.#detail}, `}${seconds} s`;
  }
}
