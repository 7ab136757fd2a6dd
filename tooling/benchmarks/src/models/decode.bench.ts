import { MemoryScope } from "@elastic-attention/core";
import type { SequenceCache } from "@elastic-attention/attention";
import type { Backend } from "@elastic-attention/tensor";
import { publishedSizes } from "@elastic-attention/transformer";
import type { Benchmark, BenchmarkResult } from "../benchmark.js";
import type { BenchmarkOptions } from "../command-line.js";
import { alternate, type Contender } from "../figures/contenders.js";
import { type Figure, figure, type Target } from "../figures/figure.js";
import { LlamaCppPeer, llamaCppMissing, parsePeerTypes } from "../peers/llama-cpp-peer.js";
import { modelShape } from "../random-models/model-shape.js";
import { OwnModel } from "../random-models/own-model.js";
import { promptTokens } from "../random-models/prompt-tokens.js";
import { routedHeads } from "../workloads/routed-heads.js";
import { startBackend } from "../workloads/start-backend.js";
import { rate } from "../figures/statistics.js";

/** Share of sparse heads of the routed cache. */
const sparsity = 0.75;
/** Tokens of one round: both sides' caches grow by as many. */
const tokensPerRound = 16;

const defaultLengths: Readonly<Record<string, readonly number[]>> = { small: [2048, 16384], "1b": [4096], tiny: [64] };

export const benchmark: Benchmark = {
  description: "Decode tokens/s and key-value bytes, full and routed cache, against llama.cpp BF16",
  async run(options, progress) {
    const missing = options.peers ? llamaCppMissing() : "llama.cpp was left out (--no-peers).";
    using backend = await startBackend(options);
    const figures: Figure[] = [];
    const notes: string[] = missing === undefined ? [] : [missing];
    for (const name of options.tiny ? ["tiny"] : (options.shapes ?? ["small"])) {
      for (const tokens of options.tokens ?? defaultLengths[name]!) {
        const result = await measure(backend, name, tokens, options, missing === undefined, progress);
        figures.push(...result.figures);
        notes.push(...result.notes);
      }
    }
    return { figures, notes };
  },
};

async function measure(
  backend: Backend,
  name: string,
  count: number,
  options: BenchmarkOptions,
  withPeers: boolean,
  progress: (line: string) => void,
): Promise<BenchmarkResult> {
  const shape = modelShape(name);
  const rounds = options.rounds ?? (options.tiny ? 2 : 8);
  // Exactly what will follow, the round that warms up included: a reserve left over would count as cache.
  const reserve = (rounds + 1) * tokensPerRound;
  const tokens = promptTokens(shape, count);
  using scope = new MemoryScope();
  const ours = scope.track(await OwnModel.open(backend, shape, progress));
  progress(`${name}, filling caches of ${count} tokens`);
  const full = scope.track(ours.cache(reserve));
  const routed = scope.track(ours.cache(reserve));
  await ours.prefill(tokens, full);
  await ours.prefill(tokens, routed, routedHeads(shape, sparsity, publishedSizes));

  const first = new Map<string, number>();
  const own = (contender: string, cache: SequenceCache): Contender => ({
    name: contender,
    round: async () => {
      const { seconds, tokens: chosen } = await ours.decode(tokens[0]!, tokensPerRound, cache);
      if (!first.has(contender)) first.set(contender, chosen[0]!);
      return [seconds / chosen.length];
    },
  });
  const contenders: Contender[] = [own("full", full), own("routed", routed)];
  const peers: LlamaCppPeer[] = [];
  for (const type of withPeers ? parsePeerTypes(options.types ?? ["bf16"]) : []) {
    const { threads } = options;
    const peer = scope.track(await LlamaCppPeer.start({ shape, type, threads, contextSize: count + reserve + 64, progress }));
    await peer.prefill(tokens);
    peers.push(peer);
    contenders.push({
      name: peer.name,
      round: async () => {
        const { seconds, tokens: chosen } = await peer.decode(tokens[0]!, tokensPerRound);
        if (!first.has(peer.name)) first.set(peer.name, chosen[0]!);
        return [seconds / chosen.length];
      },
    });
  }
  await alternate(contenders, 1);
  const samples = await alternate(contenders, rounds, progress);
  const summary = (contender: string, label = contender) => rate(label, samples.get(contender)!, 1);
  const what = `${name}, cache ${count}`;
  const measured = (run: string, other: { readonly name: string; readonly label: string } | undefined, ratio: number | undefined) =>
    figure({
      what: `${what}, ${run}`,
      unit: "tokens/s",
      ours: summary(run, "ours"),
      peer: other === undefined ? undefined : summary(other.name, other.label),
      target: atLeast(ratio),
      targetIsRatio: true,
      higherIsBetter: true,
    });
  const isTarget = name === "small";
  const isLong = count === 16384;
  const figures = peers.flatMap((peer) => {
    const other = { name: peer.name, label: peer.name };
    const judged = isTarget && peer.name.endsWith("BF16");
    return [measured("full", other, judged ? 1 : undefined), measured("routed", other, judged && isLong ? 2 : undefined)];
  });
  figures.push(measured("routed", { name: "full", label: "ours full" }, isTarget && isLong ? 1 : undefined));
  figures.push(cacheShare(what, routed, isTarget && isLong));
  const notes = peers
    .filter((peer) => peer.name.endsWith("BF16") && first.get(peer.name) !== first.get("full"))
    .map((peer) => `${what}: ${peer.name} chose token ${first.get(peer.name)} first, ours ${first.get("full")}: the models may differ.`);
  return { figures, notes };
}

/** Keys and values of the routed cache against full ones for the same tokens, now that its reserve is used up. */
function cacheShare(what: string, cache: SequenceCache, judged: boolean): Figure {
  const share = cache.byteLength / cache.fullByteLength;
  return figure({
    what: `${what}, routed, key-value bytes of full`,
    unit: "share",
    ours: { name: "ours", best: share, median: share, samples: 1 },
    target: judged ? { bound: "at most", value: 0.35 } : undefined,
    higherIsBetter: false,
    note: `${cache.byteLength} of ${cache.fullByteLength} bytes`,
  });
}

function atLeast(value: number | undefined): Target | undefined {
  return value === undefined ? undefined : { bound: "at least", value };
}
