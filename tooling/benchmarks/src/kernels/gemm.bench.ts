import { MemoryScope } from "@elastic-attention/core";
import { type Backend, linear, packLinear, type Tensor } from "@elastic-attention/tensor";
import type { Benchmark } from "../benchmark.js";
import { alternate, type Contender, timed } from "../figures/contenders.js";
import { checksum, exactValues } from "../figures/exact-values.js";
import { figure } from "../figures/figure.js";
import { OnednnPeer } from "../peers/onednn-peer.js";
import { startBackend } from "../workloads/start-backend.js";
import { rate } from "../figures/statistics.js";

interface GemmShape {
  readonly m: number;
  readonly k: number;
  readonly n: number;
  /** Repetitions a round: about a tenth of a second. */
  readonly repetitions: number;
}

const shapes: readonly GemmShape[] = [
  { m: 1024, k: 4096, n: 4096, repetitions: 5 },
  { m: 512, k: 1024, n: 1024, repetitions: 150 },
];
const tinyShapes: readonly GemmShape[] = [{ m: 16, k: 32, n: 48, repetitions: 3 }];

/** `linear` with packed bf16 weights, on operands that the peer has too. */
class OwnGemm implements Contender, Disposable {
  readonly name = "ours";
  readonly #scope = new MemoryScope();
  readonly #multiply: () => void;
  readonly #output: Tensor;

  constructor(
    private readonly backend: Backend,
    private readonly shape: GemmShape,
  ) {
    const { m, k, n } = shape;
    const input = this.#scope.track(backend.upload(exactValues(m * k, 1), [m, k], "bf16"));
    using plain = backend.upload(exactValues(n * k, 1000003), [n, k], "bf16");
    const weight = this.#scope.track(backend.kernels.run(packLinear, { weights: [plain], dtype: "bf16" }));
    const output = this.#scope.track(backend.allocate([m, n], "bf16"));
    this.#output = output;
    this.#multiply = () => backend.kernels.run(linear, { input, weight, output });
    this.#multiply();
  }

  async round(): Promise<readonly number[]> {
    const seconds: number[] = [];
    for (let i = 0; i < this.shape.repetitions; i++) {
      const each = await timed(async () => {
        this.#multiply();
        await this.backend.synchronize();
      });
      seconds.push(each);
    }
    return seconds;
  }

  checksum(): number {
    const bytes = this.#output.download();
    return checksum(new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 2));
  }

  [Symbol.dispose](): void {
    this.#scope.dispose();
  }
}

export const benchmark: Benchmark = {
  description: "bf16 GEMM with packed weights against oneDNN with packed weights",
  async run(options, progress) {
    using backend = await startBackend(options);
    const started = options.peers ? OnednnPeer.start(options.threads) : "oneDNN was left out (--no-peers).";
    const notes: string[] = typeof started === "string" ? [started] : [];
    using peer = typeof started === "string" ? undefined : started;
    const figures = [];
    for (const shape of options.tiny ? tinyShapes : shapes) {
      const { m, k, n, repetitions } = shape;
      const what = `${m}x${k}x${n}`;
      progress(what);
      using ours = new OwnGemm(backend, shape);
      const contenders: Contender[] = [ours];
      if (peer !== undefined) {
        const first = await peer.gemm(m, k, n, 1);
        if (first.checksum !== ours.checksum()) notes.push(`${what}: the two products differ, which exact operands must not.`);
        contenders.push({ name: "oneDNN", round: async () => (await peer.gemm(m, k, n, repetitions)).seconds });
      }
      const samples = await alternate(contenders, options.rounds ?? (options.tiny ? 2 : 15));
      const gigaflop = (2 * m * k * n) / 1e9;
      const theirs = samples.get("oneDNN");
      figures.push(
        figure({
          what,
          unit: "GFLOP/s",
          ours: rate("ours", samples.get("ours")!, gigaflop),
          peer: theirs === undefined ? undefined : rate("oneDNN packed", theirs, gigaflop),
          target: options.tiny ? undefined : { bound: "at least", value: 1.1 },
          targetIsRatio: true,
          higherIsBetter: true,
        }),
      );
    }
    return { figures, notes };
  },
};
