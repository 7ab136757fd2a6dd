import { type ModelProgress, sizeText } from "@elastic-attention/hub";
import { canRedraw } from "../terminal/can-redraw.js";

/** Lines that one model prints where there is no terminal. */
const plainLines = 10;
/** Between two states of the line on a terminal, in milliseconds. */
const refresh = 100;

/** How far the fetching of a model is, on standard error: one line on a terminal, a few plain ones elsewhere. */
export class FetchView implements Disposable {
  #part = 0;
  #path = "";
  #drawn = 0;
  #open = false;

  constructor(private readonly name: string) {}

  update(progress: ModelProgress): void {
    const { done, total, path, wait } = progress;
    if (canRedraw(process.stderr)) return this.#draw(progress);
    const part = total === 0 ? plainLines : Math.floor((plainLines * done) / total);
    if (wait === undefined && part === this.#part && path === this.#path) return;
    // Small files come all at once.
    const silent = total < 1e6;
    [this.#part, this.#path] = [part, path];
    if (!silent || wait !== undefined) console.error(`Fetching ${this.name}: ${stateText(progress)}`);
  }

  #draw(progress: ModelProgress): void {
    const now = performance.now();
    const last = progress.filesDone === progress.filesTotal;
    if (!last && progress.wait === undefined && now - this.#drawn < refresh) return;
    this.#drawn = now;
    this.#open = true;
    const line = `Fetching ${this.name}: ${stateText(progress)}`;
    process.stderr.write(`\r${line.slice(0, (process.stderr.columns || 80) - 1)}\u001B[K`);
  }

  /** Takes the line away again. */
  [Symbol.dispose](): void {
    if (this.#open) process.stderr.write("\r\u001B[K");
    this.#open = false;
  }
}

/** "1.2 GB of 3.4 GB, 56.0 MB/s, 40 s left, file 2 of 5: model.safetensors". */
export function stateText({ path, filesDone, filesTotal, done, total, bytesPerSecond, wait }: ModelProgress): string {
  const amount = `${sizeText(done)} of ${sizeText(total)}`;
  if (wait !== undefined) return `${amount}, the hub answered ${wait.status}: asking again in ${Math.max(1, Math.round(wait.seconds))} s`;
  const rate = bytesPerSecond > 0 && done < total ? `, ${sizeText(bytesPerSecond)}/s, ${Math.ceil((total - done) / bytesPerSecond)} s left` : "";
  return `${amount}${rate}, file ${Math.min(filesDone + 1, filesTotal)} of ${filesTotal}: ${path}`;
}
