import { Presets, SingleBar } from "cli-progress";

/** Values that a bar's format names. */
export type BarValues = Readonly<Record<string, string | number>>;

const active = new Set<TerminalBar>();

// However the process ends, the shell gets its cursor and its line wrapping back.
process.on("exit", () => {
  for (const bar of active) bar[Symbol.dispose]();
});

/** One line on a terminal's standard error that is drawn again as work goes on; it hides the cursor until it is disposed. */
export class TerminalBar implements Disposable {
  readonly #bar: SingleBar;
  #started = false;

  /** @param kept whether the last state stays on the screen */
  constructor(format: string, { kept = false, size = 24 }: { readonly kept?: boolean; readonly size?: number } = {}) {
    // Lines that are too long for the terminal are cut: a wrapped one could not be drawn over.
    this.#bar = new SingleBar(
      { format, stream: process.stderr, clearOnComplete: !kept, hideCursor: true, linewrap: false, barsize: size },
      Presets.shades_classic,
    );
  }

  update(done: number, total: number, values: BarValues = {}): void {
    if (!this.#started) {
      this.#started = true;
      active.add(this);
      this.#bar.start(total, done, values);
    }
    if (this.#bar.getTotal() !== total) this.#bar.setTotal(total);
    this.#bar.update(done, values);
  }

  [Symbol.dispose](): void {
    active.delete(this);
    this.#bar.stop();
  }
}
