import { existsSync } from "node:fs";
import { join } from "node:path";
import { packageFolder, workspaceRoot } from "../folders.js";
import type { GgufTensorType } from "./gguf-header.js";
import type { ModelShape } from "../random-models/model-shape.js";
import { llamaCppOfLevel } from "./llama-cpp-level.js";
import { PeerProcess } from "./peer-process.js";
import { randomGguf } from "./random-gguf.js";

/** Weight types of llama.cpp that the prefill benchmark runs against. */
export const peerTypes: readonly GgufTensorType[] = ["bf16", "f16", "q8_0"];
/** Those that random files come in. */
const fileTypes: readonly GgufTensorType[] = [...peerTypes, "q4_k"];

export interface DecodeAnswer {
  readonly seconds: number;
  /** Greedy tokens, in order. */
  readonly tokens: readonly number[];
}

/** A file for the peer to load. */
export interface LlamaCppFile {
  readonly path: string;
  /** What reports call the peer. */
  readonly name: string;
  /** Level that it is held to; undefined: the best that it finds. */
  readonly level?: string;
  readonly threads: number;
  readonly contextSize: number;
  /** Sequences that are batched together; default 1. */
  readonly sequences?: number;
}

export interface LlamaCppOptions {
  readonly shape: ModelShape;
  readonly type: GgufTensorType;
  readonly threads: number;
  /** Tokens that the peer has room for, in each of its sequences. */
  readonly contextSize: number;
  /** Sequences that are batched together; default 1. */
  readonly sequences?: number;
  readonly progress: (line: string) => void;
}

function peerFolder(): string {
  return process.env.ELASTIC_ATTENTION_LLAMA_CPP ?? join(packageFolder, "peers", "llama-cpp");
}

/** Why llama.cpp cannot be measured here, and what to do; undefined when it can. */
export function llamaCppMissing(): string | undefined {
  const folder = peerFolder();
  if (existsSync(join(folder, "node_modules", "node-llama-cpp"))) return undefined;
  const peer = join(packageFolder, "peers", "llama-cpp").slice(workspaceRoot.length + 1);
  return (
    `llama.cpp was not measured: ${folder} holds no node_modules/node-llama-cpp. From the root of the workspace: ` +
    `npm install --prefix ${peer} --omit=optional --ignore-scripts --no-package-lock (85 MB), ` +
    "or set ELASTIC_ATTENTION_LLAMA_CPP to a folder that has it."
  );
}

/** @throws RangeError for a type that the peer is not measured with. */
export function parsePeerTypes(types: readonly string[]): GgufTensorType[] {
  return types.map((type) => {
    const known = fileTypes.find((candidate) => candidate === type);
    if (known === undefined) throw new RangeError(`--types takes ${fileTypes.join(", ")}, found "${type}".`);
    return known;
  });
}

/** llama.cpp with one random model loaded, in a process of its own; flash attention on, keys and values in f16. */
export class LlamaCppPeer implements Disposable {
  private constructor(
    readonly name: string,
    private readonly process: PeerProcess,
    /** What it took the peer to load the file. */
    readonly loadSeconds: number,
  ) {}

  static async start({ shape, type, threads, contextSize, sequences = 1, progress }: LlamaCppOptions): Promise<LlamaCppPeer> {
    return LlamaCppPeer.open({ path: randomGguf(shape, type, progress), name: `llama.cpp ${type.toUpperCase()}`, threads, contextSize, sequences });
  }

  /** llama.cpp with a file of any kind. */
  static async open({ path, name, level, threads, contextSize, sequences = 1 }: LlamaCppFile): Promise<LlamaCppPeer> {
    const script = join(packageFolder, "peers", "llama-cpp", "peer.mjs");
    // With libuv's usual four threads node-llama-cpp loses about 10 ms a token.
    const peer = new PeerProcess(name, process.execPath, [script], {
      UV_THREADPOOL_SIZE: "1",
      ...(level === undefined ? {} : { ELASTIC_ATTENTION_LLAMA_CPP: llamaCppOfLevel(peerFolder(), level) }),
    });
    try {
      const { seconds } = (await peer.ask(JSON.stringify({ load: path, contextSize, threads, sequences }))) as { seconds: number };
      return new LlamaCppPeer(name, peer, seconds);
    } catch (error) {
      peer[Symbol.dispose]();
      throw error;
    }
  }

  /** Seconds for a whole prompt, from an empty cache. */
  async prefill(tokens: readonly number[]): Promise<number> {
    return ((await this.process.ask(JSON.stringify({ prefill: tokens }))) as { seconds: number }).seconds;
  }

  /** Goes on from what the cache holds: feeds `start`, then each token it chooses, `count` steps in all. */
  async decode(start: number, count: number): Promise<DecodeAnswer> {
    return (await this.process.ask(JSON.stringify({ decode: count, start }))) as DecodeAnswer;
  }

  /** Seconds until every prompt has an answer of so many tokens, each in a sequence of its own. */
  async answers(prompts: readonly (readonly number[])[], newTokens: number): Promise<number> {
    return ((await this.process.ask(JSON.stringify({ answers: prompts, newTokens }))) as { seconds: number }).seconds;
  }

  [Symbol.dispose](): void {
    this.process[Symbol.dispose]();
  }
}
