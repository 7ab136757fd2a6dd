import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/**
 * A peer in a process of its own that answers each line on its standard input with one line of JSON. It stays alive
 * between rounds, so that loading is never measured.
 */
export class PeerProcess implements Disposable {
  readonly #child: ChildProcess;
  readonly #waiting: Waiting[] = [];
  #errors = "";
  #ended: Error | undefined;

  constructor(
    readonly name: string,
    command: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ) {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...environment } });
    this.#child = child;
    createInterface({ input: child.stdout }).on("line", (line) => this.#answer(line));
    child.stderr.on("data", (chunk: Buffer) => (this.#errors = (this.#errors + chunk.toString()).slice(-4000)));
    // A peer that is gone shows in "close"; its pipe's own error says less.
    child.stdin.on("error", () => {});
    child.on("error", (error) => this.#end(error.message));
    child.on("close", (code, signal) => this.#end(`it ended with ${signal ?? code}`));
  }

  /** Sends one line and waits for its answer. @throws Error with what the peer wrote to standard error. */
  ask(line: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      this.#waiting.push({ resolve, reject });
      this.#child.stdin!.write(`${line}\n`);
    });
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }

  #answer(line: string): void {
    // Lines that are not JSON objects are the peer's own chatter.
    if (!line.startsWith("{")) return;
    const waiting = this.#waiting.shift();
    try {
      const answer = JSON.parse(line) as { error?: string };
      if (answer.error === undefined) waiting?.resolve(answer);
      else waiting?.reject(new Error(`${this.name}: ${answer.error}`));
    } catch (error) {
      waiting?.reject(new Error(`${this.name} answered "${line}": ${(error as Error).message}`));
    }
  }

  #end(reason: string): void {
    this.#ended ??= new Error(`${this.name} cannot go on: ${reason}.\n${this.#errors}`);
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#ended);
  }
}
