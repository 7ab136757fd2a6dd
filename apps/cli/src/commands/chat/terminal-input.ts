import { Transform, type TransformCallback } from "node:stream";
import type { ReadStream } from "node:tty";

const pasteBegins = "\u001b[200~";
const pasteEnds = "\u001b[201~";
const interruptKey = "\u0003";
/** A paste of more characters than this is shown by a name, as one of several lines is. */
const longPaste = 400;
/** A key that begins as a mark does is passed on when nothing follows it for so long. */
const escapeMilliseconds = 50;

/**
 * The keys of a terminal on their way to readline. What is pasted arrives as one piece: shown by a name, and put back into the
 * line by {@link restorePastes}. While keys are held, what is typed waits and is not echoed into the answer; only Ctrl-C is
 * noticed.
 */
export class TerminalInput extends Transform {
  readonly isTTY = true;
  readonly #pastes: string[] = [];
  #paste: string | undefined;
  #unfinished = "";
  #wait: NodeJS.Timeout | undefined;
  #held: string | undefined;
  #onInterrupt: (() => void) | undefined;

  constructor(private readonly terminal: ReadStream) {
    super({ decodeStrings: false });
    terminal.setEncoding("utf8");
    terminal.pipe(this);
  }

  setRawMode(raw: boolean): this {
    this.terminal.setRawMode(raw);
    return this;
  }

  /** From now on keys wait; Ctrl-C calls `onInterrupt` and drops what was typed before it. */
  hold(onInterrupt: () => void): void {
    this.#held = "";
    this.#onInterrupt = onInterrupt;
  }

  /** What was typed meanwhile reaches readline. */
  release(): void {
    const typed = this.#held ?? "";
    this.#held = this.#onInterrupt = undefined;
    if (typed !== "") this.#take(typed);
  }

  /** A line with the texts that its names of pastes stand for. */
  restorePastes(line: string): string {
    return line.replace(/\[pasted text (\d+), \d+ (?:lines|characters)\]/g, (name, number) => this.#pastes[Number(number) - 1] ?? name);
  }

  /** Lets go of the terminal. */
  close(): void {
    clearTimeout(this.#wait);
    this.terminal.unpipe(this);
    this.terminal.pause();
    this.end();
  }

  override _transform(chunk: Buffer | string, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#take(chunk.toString());
    done();
  }

  #take(chunk: string): void {
    if (this.#held !== undefined) {
      this.#held += chunk;
      if (!this.#held.includes(interruptKey)) return;
      this.#held = this.#held.slice(this.#held.lastIndexOf(interruptKey) + 1);
      this.#onInterrupt?.();
      return;
    }
    clearTimeout(this.#wait);
    let text = this.#unfinished + chunk;
    this.#unfinished = "";
    while (text !== "") {
      const mark = this.#paste === undefined ? pasteBegins : pasteEnds;
      const at = text.indexOf(mark);
      const before = at < 0 ? text.slice(0, text.length - unfinishedMark(text, mark)) : text.slice(0, at);
      if (this.#paste === undefined) this.push(before);
      else this.#paste += before;
      if (at < 0) {
        this.#unfinished = text.slice(before.length);
        if (this.#unfinished !== "" && this.#paste === undefined) this.#wait = setTimeout(() => this.#giveUp(), escapeMilliseconds);
        return;
      }
      if (this.#paste === undefined) this.#paste = "";
      else this.#endPaste();
      text = text.slice(at + mark.length);
    }
  }

  /** What looked like the beginning of a mark is a key, as Escape is. */
  #giveUp(): void {
    const keys = this.#unfinished;
    this.#unfinished = "";
    this.push(keys);
  }

  #endPaste(): void {
    const text = this.#paste!.replace(/\r\n?/g, "\n");
    this.#paste = undefined;
    const lines = text.split("\n").length;
    if (lines === 1 && text.length <= longPaste) {
      this.push(text);
      return;
    }
    this.#pastes.push(text);
    const size = lines > 1 ? `${lines} lines` : `${text.length} characters`;
    this.push(`[pasted text ${this.#pastes.length}, ${size}]`);
  }
}

/** How much of a mark may have arrived at the end of a text. */
function unfinishedMark(text: string, mark: string): number {
  for (let length = Math.min(mark.length - 1, text.length); length > 0; length--) if (text.endsWith(mark.slice(0, length))) return length;
  return 0;
}
