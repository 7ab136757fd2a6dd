import { type ModelProgress, sizeText } from "@elastic-attention/hub";
import { canRedraw } from "../terminal/can-redraw.js";
import { TerminalBar } from "../terminal/terminal-bar.js";

/** Lines that one model prints where there is no terminal. */
const plainLines = 10;

/** How far the fetching of a model is, on standard error: a bar on a terminal, a few plain lines elsewhere. */
export class FetchView implements Disposable {
  #bar: TerminalBar | undefined;
  #part = 0;
  #path = "";

  constructor(private readonly name: string) {}

  update(progress: ModelProgress): void {
    const { done, total, path, wait } = progress;
    if (canRedraw(process.stderr)) {
      this.#bar ??= new TerminalBar("Fetching {name} {bar} {state}", { size: 16 });
      this.#bar.update(done, total, { name: this.name, state: stateText(progress) });
      return;
    }
    const part = total === 0 ? plainLines : Math.floor((plainLines * done) / total);
    if (wait === undefined && part === this.#part && path === this.#path) return;
    // Small files come all at once.
    const silent = total < 1e6;
    [this.#part, this.#path] = [part, path];
    if (!silent || wait !== undefined) console.error(`Fetching ${this.name}: ${stateText(progress)}`);
  }

  /** Takes the bar away again. */
  [Symbol.dispose](): void {
    this.#bar?.[Symbol.dispose]();
    this.#bar = undefined;
  }
}

/** "1.2 GB of 3.4 GB, 56.0 MB/s, 40 s left, file 2 of 5: model.safetensors". */
export function stateText({ path, filesDone, filesTotal, done, total, bytesPerSecond, wait }: ModelProgress): string {
  const amount = `${sizeText(done)} of ${sizeText(total)}`;
  if (wait !== undefined) return `${amount}, the hub answered ${wait.status}: asking again in ${Math.max(1, Math.round(wait.seconds))} s`;
  const rate = bytesPerSecond > 0 && done < total ? `, ${sizeText(bytesPerSecond)}/s, ${Math.ceil((total - done) / bytesPerSecond)} s left` : "";
  return `${amount}${rate}, file ${Math.min(filesDone + 1, filesTotal)} of ${filesTotal}: ${path}`;
}
