import { MemoryScope } from "@elastic-attention/core";
import type { Router } from "@elastic-attention/router";
import type { Backend } from "@elastic-attention/tensor";
import { publishedSizes } from "@elastic-attention/transformer";
import type { Benchmark } from "../benchmark.js";
import type { BenchmarkOptions } from "../command-line.js";
import { alternate, type Contender } from "../figures/contenders.js";
import { type Figure, figure, type Target } from "../figures/figure.js";
import { LlamaCppPeer, llamaCppMissing, parsePeerTypes, peerTypes } from "../peers/llama-cpp-peer.js";
import { modelShape } from "../random-models/model-shape.js";
import { OwnModel } from "../random-models/own-model.js";
import { promptTokens } from "../random-models/prompt-tokens.js";
import { routedHeads } from "../workloads/routed-heads.js";
import { startBackend } from "../workloads/start-backend.js";
import { rate, type Summary } from "../figures/statistics.js";

/** Share of sparse heads of the routed runs. */
const sparsity = 0.75;

/** What the ratios are meant to reach: by shape, tokens and sparsity. */
const targets: Readonly<Record<string, number>> = {
  "small 2048 0": 1.5,
  "small 16384 0": 2.5,
  "small 16384 0.75": 4,
  "1b 4096 0": 1.5,
};

const lengths: Readonly<Record<string, readonly number[]>> = { small: [2048, 16384], "1b": [4096], tiny: [64] };

export const benchmark: Benchmark = {
  description: "Prefill tokens/s, full and with 75% of the heads sparse, against the best of llama.cpp BF16, F16, Q8_0",
  async run(options, progress) {
    const missing = options.peers ? llamaCppMissing() : "llama.cpp was left out (--no-peers).";
    const figures: Figure[] = [];
    using backend = await startBackend(options);
    for (const name of options.tiny ? ["tiny"] : (options.shapes ?? ["small", "1b"])) {
      figures.push(...(await measureShape(backend, name, options, missing === undefined, progress)));
    }
    const notes = [
      `MSR ${sparsity}: full and streaming heads, ${publishedSizes.sinkTokens} sink and ${publishedSizes.localTokens} local tokens ` +
        `in blocks of ${publishedSizes.blockSize}, the same share in every layer.`,
    ];
    return { figures, notes: missing === undefined ? notes : [...notes, missing] };
  },
};

async function measureShape(
  backend: Backend,
  name: string,
  options: BenchmarkOptions,
  withPeers: boolean,
  progress: (line: string) => void,
): Promise<Figure[]> {
  const shape = modelShape(name);
  const wanted = options.tokens ?? lengths[name]!;
  using scope = new MemoryScope();
  const ours = scope.track(await OwnModel.open(backend, shape, progress));
  const peers: LlamaCppPeer[] = [];
  for (const type of withPeers ? parsePeerTypes(options.types ?? peerTypes) : []) {
    const { threads } = options;
    peers.push(scope.track(await LlamaCppPeer.start({ shape, type, threads, contextSize: Math.max(...wanted) + 256, progress })));
  }
  const warmUp = promptTokens(shape, 256);
  await prefillOnce(ours, warmUp);
  for (const peer of peers) await peer.prefill(warmUp);

  const router = routedHeads(shape, sparsity, publishedSizes);
  const figures: Figure[] = [];
  for (const count of wanted) {
    const tokens = promptTokens(shape, count);
    progress(`${name}, ${count} tokens`);
    const contenders: Contender[] = [
      { name: "full", round: async () => [await prefillOnce(ours, tokens)] },
      { name: "routed", round: async () => [await prefillOnce(ours, tokens, router)] },
      ...peers.map((peer) => ({ name: peer.name, round: async () => [await peer.prefill(tokens)] })),
    ];
    const rounds = options.rounds ?? (options.tiny ? 2 : count > 4096 || name === "1b" ? 2 : 5);
    const samples = await alternate(contenders, rounds, progress);
    const theirs = peers.map((peer) => rate(peer.name, samples.get(peer.name)!, count));
    for (const [run, share] of [["full", 0], ["routed", sparsity]] as const) {
      figures.push(
        figure({
          what: `${name}, ${count} tokens, MSR ${share}`,
          unit: "tokens/s",
          ours: rate("ours", samples.get(run)!, count),
          peer: fastest(theirs),
          target: targetOf(`${name} ${count} ${share}`),
          targetIsRatio: true,
          higherIsBetter: true,
          note: theirs.map((peer) => `${peer.name} ${peer.best.toFixed(0)} best, ${peer.median.toFixed(0)} median`).join("; ") || undefined,
        }),
      );
    }
  }
  return figures;
}

async function prefillOnce(ours: OwnModel, tokens: readonly number[], router?: Router): Promise<number> {
  using cache = ours.cache();
  return await ours.prefill(tokens, cache, router);
}

function fastest(peers: readonly Summary[]): Summary | undefined {
  return peers.toSorted((a, b) => b.median - a.median)[0];
}

function targetOf(key: string): Target | undefined {
  const value = targets[key];
  return value === undefined ? undefined : { bound: "at least", value };
}
