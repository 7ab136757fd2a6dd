import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { ElasticAttentionError } from "@elastic-attention/core";
import { Pool } from "undici";

/** A program that serves on this machine alone, and tells where by an IPC message `{ type: "listening", url, model }`. */
export interface ReplicaProgram {
  readonly path: string;
  readonly arguments: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** Between the end of a process and the start of the next, at first and at most; one that lived this long has recovered. */
const [shortestPause, longestPause, recovered] = [250, 30_000, 60_000];

/** One replica: a process that is started again whenever it ends. */
export class ReplicaProcess {
  /** Requests that run on it. */
  load = 0;
  /** What it calls its model; undefined before it has told. */
  modelId: string | undefined;
  #child: ChildProcess | undefined;
  #pool: Pool | undefined;
  #restart: NodeJS.Timeout | undefined;
  #pause = shortestPause;
  #isStopping = false;

  constructor(
    private readonly program: ReplicaProgram,
    /** Called when the process has ended without being told to: what it held is gone. */
    private readonly onEnd: (code: number | null) => void,
  ) {}

  /** Connections to it; undefined while it is not there. */
  get pool(): Pool | undefined {
    return this.#pool;
  }

  get processId(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts it; resolves when it takes requests. @throws ElasticAttentionError where it ends before that */
  async start(): Promise<void> {
    const { path, arguments: given, environment } = this.program;
    const child = fork(path, given, { env: { ...process.env, ...environment }, stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#child = child;
    const begun = performance.now();
    const url = await new Promise<string>((resolve, reject) => {
      child.on("message", (message) => {
        const { type, url: told, model } = message as { readonly type?: unknown; readonly url?: unknown; readonly model?: unknown };
        if (type !== "listening" || typeof told !== "string") return;
        if (typeof model === "string") this.modelId = model;
        resolve(told);
      });
      child.once("error", reject);
      child.once("exit", (code, signal) => reject(new ElasticAttentionError("REPLICA", `A replica ended with ${signal ?? `code ${code}`} before it took requests.`)));
    });
    // A prompt may take minutes to read, and the replica says itself when it gives up.
    this.#pool = new Pool(url, { headersTimeout: 0, bodyTimeout: 0, connections: null });
    child.once("exit", (code) => {
      this.#lose();
      if (this.#isStopping) return;
      if (performance.now() - begun > recovered) this.#pause = shortestPause;
      this.onEnd(code);
      this.#startLater();
    });
  }

  /** Tells it to stop: its running answers end. Resolves when the process has ended. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
    this.#lose();
  }

  /** Ends it at once. */
  kill(): void {
    this.#isStopping = true;
    clearTimeout(this.#restart);
    this.#child?.kill("SIGKILL");
  }

  #startLater(): void {
    this.#restart = setTimeout(() => {
      this.start().catch(() => {
        if (!this.#isStopping) this.#startLater();
      });
    }, this.#pause);
    this.#pause = Math.min(longestPause, 2 * this.#pause);
  }

  #lose(): void {
    void this.#pool?.destroy();
    this.#pool = undefined;
  }
}
