import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder, packageFolder } from "../folders.js";
import { PeerProcess } from "./peer-process.js";

export interface OnednnAnswer {
  /** Of each repetition. */
  readonly seconds: readonly number[];
  readonly checksum: number;
}

/** oneDNN's bf16 GEMM with packed weights, in a process of its own. */
export class OnednnPeer implements Disposable {
  private constructor(private readonly process: PeerProcess) {}

  /** Builds the program when it is older than its source and starts it; a text says why it cannot. */
  static start(threads: number): OnednnPeer | string {
    const source = join(packageFolder, "peers", "onednn", "onednn_gemm.cpp");
    const program = join(cacheFolder(), "onednn-gemm");
    if (!existsSync(program) || statSync(program).mtimeMs < statSync(source).mtimeMs) {
      const compiler = process.env.CXX ?? "g++";
      const build = spawnSync(compiler, ["-std=c++20", "-O2", source, "-ldnnl", "-o", program], { encoding: "utf8" });
      if (build.error !== undefined || build.status !== 0) {
        const reason = build.error?.message ?? build.stderr.split("\n").slice(0, 3).join("\n");
        return `oneDNN was not measured: its program does not build. Install it (Debian: apt-get install libdnnl-dev g++).\n${reason}`;
      }
    }
    return new OnednnPeer(new PeerProcess("oneDNN", program, [], { OMP_NUM_THREADS: String(threads) }));
  }

  async gemm(m: number, k: number, n: number, repetitions: number): Promise<OnednnAnswer> {
    return (await this.process.ask(`${m} ${k} ${n} ${repetitions}`)) as OnednnAnswer;
  }

  [Symbol.dispose](): void {
    this.process[Symbol.dispose]();
  }
}
