import { createInterface, type Interface } from "node:readline";
import { canRedraw } from "../../terminal/can-redraw.js";
import { keepHistory, readHistory } from "./line-history.js";
import { TerminalInput } from "./terminal-input.js";

const bracketedPaste = { on: "\u001b[?2004h", off: "\u001b[?2004l" };

/**
 * Reads messages line by line. On a terminal lines can be edited, what was typed in earlier runs comes back with the arrow keys,
 * and pasted lines stay one message; elsewhere a line is a message.
 */
export class LineInput implements Disposable {
  readonly #terminal: TerminalInput | undefined;
  readonly #lines: Interface;
  readonly #waiting: string[] = [];
  #history: string[] | undefined;
  #take: ((line: string | undefined) => void) | undefined;
  #closed = false;

  /** @param onInterrupt Ctrl-C while no answer is written */
  constructor(onInterrupt: () => void) {
    const onTerminal = process.stdin.isTTY && canRedraw(process.stderr);
    this.#terminal = onTerminal ? new TerminalInput(process.stdin) : undefined;
    this.#history = onTerminal ? readHistory() : undefined;
    this.#lines = createInterface({
      input: this.#terminal ?? process.stdin,
      output: process.stderr,
      prompt: "> ",
      terminal: onTerminal,
      historySize: 1000,
      removeHistoryDuplicates: true,
      ...(this.#history === undefined ? {} : { history: [...this.#history] }),
    });
    if (onTerminal) {
      process.stderr.write(bracketedPaste.on);
      process.once("exit", restoreTerminal);
    }
    this.#lines.on("history", (history) => (this.#history = history));
    this.#lines.on("SIGINT", onInterrupt);
    this.#lines.on("line", (line) => this.#give(this.#terminal?.restorePastes(line) ?? line));
    this.#lines.on("close", () => {
      this.#closed = true;
      this.#take?.(undefined);
    });
  }

  /** Shows the prompt and waits for a line; undefined at the end of the input. */
  async next(): Promise<string | undefined> {
    if (this.#waiting.length > 0) return this.#waiting.shift();
    if (this.#closed) return undefined;
    this.#lines.prompt();
    return await new Promise((resolve) => {
      this.#take = (line) => {
        this.#take = undefined;
        resolve(line);
      };
    });
  }

  /** While `work` writes to the terminal, keys wait; Ctrl-C calls `onInterrupt`. */
  async whileAnswering<Result>(onInterrupt: () => void, work: () => Promise<Result>): Promise<Result> {
    this.#terminal?.hold(onInterrupt);
    try {
      return await work();
    } finally {
      this.#terminal?.release();
    }
  }

  close(): void {
    this.#lines.close();
  }

  [Symbol.dispose](): void {
    this.#lines.close();
    if (this.#terminal === undefined) return;
    this.#terminal.close();
    restoreTerminal();
    process.off("exit", restoreTerminal);
    keepHistory(this.#history ?? []);
  }

  #give(line: string): void {
    if (this.#take === undefined) this.#waiting.push(line);
    else this.#take(line);
  }
}

function restoreTerminal(): void {
  process.stderr.write(bracketedPaste.off);
}
