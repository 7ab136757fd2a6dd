import { MemoryScope } from "@elastic-attention/core";
import type { Backend } from "@elastic-attention/tensor";
import { elasticModes, publishedSizes, TrainingModel, type TrainingPack, type TrainingStepOptions } from "@elastic-attention/transformer";
import type { Benchmark } from "../benchmark.js";
import type { BenchmarkOptions } from "../command-line.js";
import { type Figure, figure } from "../figures/figure.js";
import { type ModelShape, modelShape } from "../random-models/model-shape.js";
import { OwnModel } from "../random-models/own-model.js";
import { promptTokens } from "../random-models/prompt-tokens.js";
import { randomRouter } from "../random-models/random-router.js";
import { startBackend } from "../workloads/start-backend.js";
import { duration } from "../figures/statistics.js";
import { timedOperations } from "../figures/timed-operations.js";

/** Tokens of one segment of a pack. */
const segmentTokens = 2048;
/** A window that leaves half of a segment out. */
const sizes = { ...publishedSizes, localTokens: 512 };

export const benchmark: Benchmark = {
  description: "One training step of the routers, and each operation's part of it",
  async run(options, progress) {
    using backend = await startBackend(options);
    const figures: Figure[] = [];
    for (const name of options.tiny ? ["tiny"] : (options.shapes ?? ["demo"])) {
      for (const tokens of options.tokens ?? [options.tiny ? 96 : 8192]) {
        figures.push(...(await measure(backend, modelShape(name), tokens, options, progress)));
      }
    }
    return { figures, notes: [] };
  },
};

async function measure(
  backend: Backend,
  shape: ModelShape,
  tokens: number,
  options: BenchmarkOptions,
  progress: (line: string) => void,
): Promise<Figure[]> {
  using scope = new MemoryScope();
  const ours = scope.track(await OwnModel.open(backend, shape, progress));
  const training = TrainingModel.share(ours.model.decoder);
  const routers = Array.from({ length: shape.numLayers }, (_, layer) => scope.track(randomRouter(backend, shape.headDim, layer)));
  const step: TrainingStepOptions = { pack: packOf(shape, tokens), routers, ...elasticModes("fa-ssa", sizes), ...straightThrough };
  const whole: number[] = [];
  const parts = new Map<string, number[]>();
  const rounds = options.rounds ?? (options.tiny ? 1 : 3);
  for (let round = 0; round <= rounds; round++) {
    const start = performance.now();
    await training.step(step);
    const seconds = (performance.now() - start) / 1000;
    const timed = await timedOperations(backend, () => training.step(step));
    progress(round === 0 ? "warmed up" : `round ${round} of ${rounds}: ${seconds.toFixed(2)} s`);
    if (round === 0) continue;
    whole.push(seconds);
    for (const [name, part] of timed) parts.set(name, [...(parts.get(name) ?? []), part]);
  }
  const what = `${shape.name}, ${tokens} tokens`;
  const note = `${(tokens / Math.min(...whole)).toFixed(0)} tokens/s at best`;
  const total = [...parts.values()].reduce((sum, samples) => sum + Math.min(...samples), 0);
  const sorted = [...parts].toSorted(([, a], [, b]) => Math.min(...b) - Math.min(...a));
  return [
    figure({ what: `${what}, training step`, unit: "ms", ours: duration("step", whole, 1e-3), higherIsBetter: false, note }),
    ...sorted.map(([name, samples]) => {
      const share = `${((100 * Math.min(...samples)) / total).toFixed(1)}% of the operations`;
      return figure({ what: `${what}, ${name}`, unit: "ms", ours: duration(name, samples, 1e-3), higherIsBetter: false, note: share });
    }),
  ];
}

/** Segments of at most `segmentTokens`, the first and last 100 rows of each pooled, every token a target. */
function packOf(shape: ModelShape, tokens: number): TrainingPack {
  const offsets = [0];
  while (offsets.at(-1)! < tokens) offsets.push(Math.min(tokens, offsets.at(-1)! + segmentTokens));
  const ids = Int32Array.from(promptTokens(shape, tokens));
  const targets = Int32Array.from(ids, (_, row) => (offsets.includes(row + 1) ? -1 : ids[row + 1]!));
  const pooledRanges = offsets.slice(1).map((end, segment) => {
    const start = offsets[segment]!;
    return [[start, Math.min(end, start + 100)], [Math.max(start, end - 100), end]] as const;
  });
  return { tokens: ids, offsets, targets, pooledRanges };
}

/** Gates of 0 and 1 by the sign of the logits' difference, every other head the other way; no sparsity term. */
const straightThrough: Pick<TrainingStepOptions, "decide" | "gateLoss"> = {
  decide(_layer, logits) {
    const gates = Float32Array.from({ length: logits.length / 2 }, (_, gate) => ((logits[2 * gate]! < logits[2 * gate + 1]!) === (gate % 2 === 0) ? 1 : 0));
    return { gates, backward: (gradients) => Float32Array.from(logits, (_, i) => (i % 2 === 1 ? 1 : -1) * 0.25 * gradients[i >> 1]!) };
  },
  gateLoss: (gates) => ({ loss: 0, gradients: gates.map((layer) => new Float32Array(layer.length)) }),
};
