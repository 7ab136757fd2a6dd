import { readFileSync } from "node:fs";
import { MemoryScope } from "@elastic-attention/core";
import type { Router } from "@elastic-attention/router";
import type { Backend } from "@elastic-attention/tensor";
import { DecoderModel, type PrefillPhase, publishedSizes, type SequenceRouting, TokenSampler } from "@elastic-attention/transformer";
import type { Benchmark } from "../benchmark.js";
import type { BenchmarkOptions } from "../command-line.js";
import { timed } from "../figures/contenders.js";
import { type Figure, figure } from "../figures/figure.js";
import { filledCache } from "../workloads/filled-cache.js";
import { measureGemmPart } from "../workloads/gemm-part.js";
import { type ModeRequest, parseModeRequest, requestedRouter } from "../workloads/mode-request.js";
import { publishedShape } from "../random-models/published-shapes.js";
import { randomTokens } from "../workloads/random-tokens.js";
import { startBackend } from "../workloads/start-backend.js";
import { duration, type Summary } from "../figures/statistics.js";

/** What `peers/transformers/measure.py` writes: seconds by "prefill 8192 1" or "decode 32768 16". */
type PeerSeconds = Readonly<Record<string, number>>;

export const benchmark: Benchmark = {
  description: "Prefill, decode and memory of published model shapes with random weights, as long as the device holds",
  async run(options, progress) {
    using backend = await startBackend(options);
    const peer: PeerSeconds = options.peerFile === undefined ? {} : (JSON.parse(readFileSync(options.peerFile, "utf8")) as PeerSeconds);
    const figures: Figure[] = [];
    for (const name of options.tiny ? ["tiny"] : (options.shapes ?? ["llama-3.1-8b"])) {
      figures.push(...(await measureShape(backend, name, options, peer, progress)));
    }
    return { figures, notes: [`Random weights in bf16 on ${backend.device.description}; windows of ${publishedSizes.sinkTokens} + ${publishedSizes.localTokens} tokens.`] };
  },
};

async function measureShape(
  backend: Backend,
  name: string,
  options: BenchmarkOptions,
  peer: PeerSeconds,
  progress: (line: string) => void,
): Promise<Figure[]> {
  const lengths = options.tokens ?? (options.tiny ? [300] : [8192, 131072]);
  const caches = options.caches ?? (options.tiny ? [200] : [32768]);
  const batches = options.batches ?? [1, options.tiny ? 2 : 16];
  const modes = (options.modes ?? ["full", "fa-ssa:0.70"]).map(parseModeRequest);
  const rounds = options.rounds ?? 2;
  const whole = publishedShape(name, Math.max(...lengths, ...caches) + 1024);
  const spec = options.layers === undefined ? whole : { ...whole, numLayers: Math.min(options.layers, whole.numLayers) };
  if (spec.numLayers < whole.numLayers) progress(`${name}: ${spec.numLayers} of ${whole.numLayers} layers`);
  const figures: Figure[] = [];
  const add = (found: Figure) => {
    figures.push(found);
    progress(`${found.what}: ${found.ours.median.toPrecision(4)} ${found.unit}${found.ratio === undefined ? "" : `, ${found.ratio.median.toFixed(2)}x`}${found.note === undefined ? "" : ` (${found.note})`}`);
  };
  for (const tokens of options.detail === true ? lengths.slice(-1) : []) {
    const { seconds, teraflops, peakTeraflops } = await measureGemmPart(backend, spec, Math.min(tokens, 131072), options.tiny ? 64 : 8192);
    const note = `${(100 * teraflops / peakTeraflops).toFixed(1)}% of ${peakTeraflops.toFixed(0)} TFLOP/s at 8192 cubed; ${seconds.toFixed(3)} s of the prefill`;
    add(figure({ what: `${name}, products at ${Math.min(tokens, 131072)} tokens`, unit: "TFLOP/s", ours: { name: "ours", best: teraflops, median: teraflops, samples: 1 }, higherIsBetter: true, note }));
  }
  using scope = new MemoryScope();
  const begun = performance.now();
  const model = scope.track(DecoderModel.random({ backend, spec, dtype: "bf16" }));
  await backend.synchronize();
  progress(`${name}: ${(model.weightBytes / 1e9).toFixed(2)} GB of random weights in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
  await prefillOnce(model, Math.min(2048, ...lengths), undefined, 0);
  for (const tokens of lengths) {
    const full: { summary?: Summary } = {};
    const measured = await prefillsInTurns(model, tokens, modes, rounds, options);
    for (const [index, mode] of modes.entries()) {
      const runs = measured[index]!;
      const { modelSparsity, keyValueBytes, fullKeyValueBytes, predictedPeak, measuredPeak, density } = runs[0]!;
      const ours = duration("ours", runs.map((run) => run.seconds), 1);
      if (mode.name === "full") full.summary = { ...ours, name: "our full" };
      const note = [
        `${(tokens / ours.median).toFixed(0)} tokens/s`,
        `MSR ${modelSparsity.toFixed(3)}`,
        `blocks ${(100 * density).toFixed(1)}%`,
        `KV ${(keyValueBytes / 1e9).toFixed(2)} GB = ${(keyValueBytes / fullKeyValueBytes).toFixed(3)} of full`,
        `peak ${(measuredPeak / 1e9).toFixed(2)} GB, predicted ${(100 * (predictedPeak / measuredPeak - 1)).toFixed(2)}% off`,
        ...(full.summary === undefined || mode.name === "full" ? [] : [`${(full.summary.median / ours.median).toFixed(2)}x our full`]),
      ].join(", ");
      const seconds = peer[`prefill ${tokens} 1`];
      const other = seconds === undefined ? undefined : duration("transformers", [seconds], 1);
      add(figure({ what: `${name}, prefill ${tokens}, ${mode.label}`, unit: "s", ours, peer: other, higherIsBetter: false, note }));
    }
    if (options.detail === true && tokens === lengths.at(-1)) {
      for (const mode of modes) progress(`${name}, prefill ${tokens}, ${mode.label}, by phase: ${await phases(model, tokens, mode, options)}`);
    }
  }
  for (const cacheTokens of caches) {
    for (const batch of batches) {
      for (const mode of modes) {
        const measured = await decode(model, cacheTokens, batch, mode, options);
        if (measured === undefined) {
          progress(`${name}, decode, ${batch} caches of ${cacheTokens}, ${mode.label}: does not fit`);
          continue;
        }
        const ours = duration("ours", measured.seconds, 0.001);
        const seconds = peer[`decode ${cacheTokens} ${batch}`];
        const other = seconds === undefined ? undefined : duration("transformers", [seconds], 0.001);
        const note = `${((1000 * batch) / ours.median).toFixed(0)} tokens/s, KV ${(measured.keyValueBytes / 1e9).toFixed(2)} GB`;
        add(figure({ what: `${name}, decode, ${batch} caches of ${cacheTokens}, ${mode.label}`, unit: "ms", ours, peer: other, higherIsBetter: false, note }));
      }
    }
  }
  return figures;
}

interface PrefillMeasurement {
  readonly seconds: number;
  readonly modelSparsity: number;
  /** Share of causal blocks that were visited. */
  readonly density: number;
  readonly keyValueBytes: number;
  readonly fullKeyValueBytes: number;
  readonly predictedPeak: number;
  readonly measuredPeak: number;
}

function sizesOf({ threshold }: BenchmarkOptions) {
  return { ...publishedSizes, ...(threshold === undefined ? {} : { threshold }) };
}

/** Prefills of every mode. They take turns, as a card is slower once it is hot, and each round begins with another one. */
async function prefillsInTurns(
  model: DecoderModel,
  tokens: number,
  modes: readonly ModeRequest[],
  rounds: number,
  options: BenchmarkOptions,
): Promise<readonly (readonly PrefillMeasurement[])[]> {
  const { backend, spec } = model;
  using scope = new MemoryScope();
  const before = backend.memory().liveBytes;
  const routers = modes.map((mode) => requestedRouter(mode, backend, spec, sizesOf(options), scope));
  const routerBytes = backend.memory().liveBytes - before;
  const measured = modes.map((): PrefillMeasurement[] => []);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < modes.length; turn++) {
      const index = (round + turn) % modes.length;
      measured[index]!.push(await prefillOnce(model, tokens, routers[index], routerBytes));
    }
  }
  return measured;
}

/** @param routerBytes of routers that live beside the model: no part of the prediction. */
async function prefillOnce(model: DecoderModel, tokens: number, router: Router | undefined, routerBytes: number): Promise<PrefillMeasurement> {
  const { backend, spec } = model;
  const ids = randomTokens(spec, tokens);
  using cache = model.createCache({ paged: false });
  const prediction = model.predictMemory({ sequences: [{ tokens, router }] });
  await backend.synchronize();
  backend.resetPeak();
  let routing: SequenceRouting | undefined;
  const seconds = await timed(async () => {
    const sequence = router === undefined ? { tokens: ids, cache } : { tokens: ids, cache, router };
    const result = await model.prefill({ sequences: [sequence] });
    routing = result.sequences[0]!.routing;
    result.logits.dispose();
    await backend.synchronize();
  });
  const { assignment, blocks } = routing!;
  const heads = assignment.flat();
  const [visited, causal] = [blocks.reduce((sum, count) => sum + count.visited, 0), blocks.reduce((sum, count) => sum + count.causal, 0)];
  return {
    seconds,
    modelSparsity: heads.filter((head) => head > 0).length / heads.length,
    density: visited / causal,
    keyValueBytes: cache.byteLength,
    fullKeyValueBytes: prediction.fullKeyValueBytes,
    predictedPeak: prediction.peakBytes,
    measuredPeak: backend.memory().peakBytes - routerBytes,
  };
}

/** Where the time of a prefill goes: the device is waited for after every slice, which takes some time itself. */
async function phases(model: DecoderModel, tokens: number, mode: ModeRequest, options: BenchmarkOptions): Promise<string> {
  using scope = new MemoryScope();
  const router = requestedRouter(mode, model.backend, model.spec, sizesOf(options), scope);
  using cache = model.createCache({ paged: false });
  const ids = randomTokens(model.spec, tokens);
  using prefill = model.startPrefill({ sequences: [router === undefined ? { tokens: ids, cache } : { tokens: ids, cache, router }] });
  const seconds = new Map<PrefillPhase, number>();
  let [begun, more] = [performance.now(), true];
  while (more) {
    more = prefill.step();
    await model.backend.synchronize();
    const now = performance.now();
    seconds.set(prefill.phase, (seconds.get(prefill.phase) ?? 0) + (now - begun) / 1000);
    begun = now;
  }
  prefill.result.logits.dispose();
  return [...seconds].map(([phase, time]) => `${phase} ${time.toFixed(3)}`).join(", ");
}

/** Seconds of greedy decode steps of a batch; undefined where the caches do not fit. */
async function decode(model: DecoderModel, cacheTokens: number, batch: number, mode: ModeRequest, options: BenchmarkOptions) {
  const { backend, spec } = model;
  const steps = 24;
  using scope = new MemoryScope();
  const router = requestedRouter(mode, backend, spec, sizesOf(options), scope);
  const { keyValueBytes } = model.predictMemory({ sequences: [{ tokens: cacheTokens, reserveTokens: steps + 8, router }] });
  if (backend.memory().liveBytes + batch * keyValueBytes * 1.05 > backend.device.memoryBytes) return undefined;
  const caches = Array.from({ length: batch }, () => scope.track(filledCache(model, cacheTokens, steps + 8, router)));
  const samplers = caches.map((_, seed) => scope.track(new TokenSampler(backend, spec.vocabularySize, { seed })));
  let tokens: ArrayLike<number> = new Int32Array(batch).fill(7);
  const step = () => {
    tokens = model.decodeTokens(tokens, caches, samplers);
  };
  for (let warmUp = 0; warmUp < 4; warmUp++) step();
  const seconds: number[] = [];
  for (let round = 0; round < steps; round++) seconds.push(await timed(step));
  return { seconds, keyValueBytes: caches.reduce((sum, cache) => sum + cache.byteLength, 0) };
}
