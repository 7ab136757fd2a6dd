import { MemoryScope } from "@elastic-attention/core";
import { dualAttention, type DualAttentionCall, hybridAttention, retrievalSide } from "@elastic-attention/attention";
import type { Backend, FloatArray, Kernel } from "@elastic-attention/tensor";
import {
  DecoderModel, elasticModes, type ModelSpec, predictTrainingMemory, publishedSizes, TrainingModel, type TrainingPack, type TrainingStepOptions,
} from "@elastic-attention/transformer";
import type { Benchmark } from "../benchmark.js";
import type { BenchmarkOptions } from "../command-line.js";
import { timed } from "../figures/contenders.js";
import { type Figure, figure } from "../figures/figure.js";
import { parseModeRequest } from "../workloads/mode-request.js";
import { publishedShape } from "../random-models/published-shapes.js";
import { randomRouters } from "../random-models/random-routers.js";
import { randomTokens } from "../workloads/random-tokens.js";
import { startBackend } from "../workloads/start-backend.js";
import { duration, rate } from "../figures/statistics.js";
import { timedOperations } from "../figures/timed-operations.js";

export const benchmark: Benchmark = {
  description: "One training step of routers over a published model shape with random weights, one pack of one segment",
  async run(options, progress) {
    using backend = await startBackend(options);
    const figures: Figure[] = [];
    for (const name of options.tiny ? ["tiny"] : (options.shapes ?? ["llama-3.1-8b"])) {
      for (const tokens of options.tokens ?? [options.tiny ? 300 : 65536]) {
        figures.push(...(await measure(backend, name, tokens, options, progress)));
      }
    }
    return { figures, notes: [`Random weights in bf16 on ${backend.device.description}; every layer in a checkpoint; the share of sparse heads is fixed.`] };
  },
};

async function measure(
  backend: Backend,
  name: string,
  tokens: number,
  options: BenchmarkOptions,
  progress: (line: string) => void,
): Promise<Figure[]> {
  const spec = publishedShape(name, tokens);
  const rounds = options.rounds ?? 3;
  using scope = new MemoryScope();
  const decoder = scope.track(DecoderModel.random({ backend, spec, dtype: "bf16" }));
  const model = TrainingModel.share(decoder);
  const routers = randomRouters(backend, spec, scope);
  const figures: Figure[] = [];
  for (const request of (options.modes ?? ["fa-ssa:0.50", "fa-ssa:0.70"]).map(parseModeRequest)) {
    const { retrievalMode, sparseMode } = elasticModes(request.name, publishedSizes);
    const decide = fixedGates(request.sparsity);
    const step = (settings: Partial<TrainingStepOptions> = {}) =>
      model.step({ pack: randomPack(spec, tokens), routers, retrievalMode, sparseMode, decide, gateLoss, ...settings });
    // Memory is taken from the device once, kernels are chosen once.
    await step();
    await backend.synchronize();
    backend.resetPeak();
    const before = backend.memory().liveBytes;
    const seconds: number[] = [];
    for (let round = 0; round < rounds; round++) {
      seconds.push(
        await timed(async () => {
          await step();
          await backend.synchronize();
        }),
      );
    }
    const peak = backend.memory().peakBytes;
    const predicted = before + predictTrainingMemory(spec, "bf16", tokens);
    const note = [
      `peak ${(peak / 1e9).toFixed(2)} GB of ${(backend.device.memoryBytes / 1e9).toFixed(0)}`,
      `${(predicted / 1e9).toFixed(2)} predicted where no layer keeps its attention`,
    ].join(", ");
    const ours = rate("ours", seconds, tokens);
    const target = options.tiny ? undefined : ({ bound: "at least", value: 3500 } as const);
    figures.push(figure({ what: `${name}, ${tokens} tokens, ${request.label}`, unit: "tokens/s", ours, target, higherIsBetter: true, note }));
    progress(`${name}, ${tokens}, ${request.label}: ${ours.median.toFixed(0)} tokens/s, ${note}`);
    progress(`by operation: ${await byOperation(backend, step)}`);
  }
  // A streaming side is a small part of a step; a selected one may be as long as the full side.
  for (const mode of ["fa-ssa", "fa-xa"] as const) {
    figures.push(...(await dualAgainstBoth(backend, mode, tokens, { name, model, routers, spec, rounds, tiny: options.tiny }, progress)));
  }
  return figures;
}

/**
 * The whole step with both sides of the attention in one pass, in turns with two peers: a pass for each side on the way
 * there, and both attentions there and back, as a gradient through z O_full + (1 - z) O_sparse runs them for every head
 * (reference semantics 5).
 */
async function dualAgainstBoth(
  backend: Backend,
  mode: "fa-ssa" | "fa-xa",
  tokens: number,
  { name, model, routers, spec, rounds, tiny }: { name: string; model: TrainingModel; routers: TrainingStepOptions["routers"]; spec: ModelSpec; rounds: number; tiny: boolean },
  progress: (line: string) => void,
): Promise<Figure[]> {
  const { retrievalMode, sparseMode } = elasticModes(mode, publishedSizes);
  let together = true;
  const both: Kernel<DualAttentionCall, void> = {
    name: "one pass for each side",
    supports: () => (together ? ["both sides are computed together"] : []),
    run({ query, fullOutput, sparseOutput, fullLogSumExp, sparseLogSumExp, sequences, scale }, { kernels }) {
      const full = sequences.map(retrievalSide);
      kernels.run(hybridAttention, { query, output: fullOutput, logSumExp: fullLogSumExp, sequences: full, scale });
      kernels.run(hybridAttention, { query, output: sparseOutput, logSumExp: sparseLogSumExp, sequences, scale });
    },
  };
  // The one that was registered last is asked first.
  backend.kernels.register(dualAttention, both, { priority: 100 });
  const sides = { "one pass": fixedGates(0.7), "two passes": fixedGates(0.7), "two passes there and back": fixedGates(0.7, 2 ** -20) };
  const seconds = new Map(Object.keys(sides).map((side) => [side, [] as number[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [side, decide] of Object.entries(sides)) {
      together = side === "one pass";
      seconds.get(side)!.push(
        await timed(async () => {
          await model.step({ pack: randomPack(spec, tokens), routers, retrievalMode, sparseMode, decide, gateLoss });
          await backend.synchronize();
        }),
      );
    }
    progress(`${mode}, dual against both: round ${round + 1} of ${rounds}`);
  }
  together = true;
  const against = (peer: keyof typeof sides, bound?: number) =>
    figure({
      what: `${name}, ${tokens} tokens, ${mode}, whole step, both sides in one pass against ${peer}`,
      unit: "s",
      ours: duration("one pass", seconds.get("one pass")!, 1),
      peer: duration(peer, seconds.get(peer)!, 1),
      target: tiny || bound === undefined ? undefined : { bound: "at least", value: bound },
      targetIsRatio: true,
      higherIsBetter: false,
    });
  return [against("two passes"), against("two passes there and back", 1.25)];
}

/** Where the time of a step goes. */
async function byOperation(backend: Backend, step: () => Promise<unknown>): Promise<string> {
  const seconds = await timedOperations(backend, step);
  const sorted = [...seconds].toSorted((a, b) => b[1] - a[1]);
  return sorted.map(([name, time]) => `${name} ${time.toFixed(3)}`).join(", ");
}

/**
 * The same share of heads sparse in every layer, spread evenly, with the gradient of a relaxation.
 *
 * @param margin how far gates stay from 0 and 1; where it is more than 0, gradients go back through both sides
 */
function fixedGates(sparsity: number, margin = 0): TrainingStepOptions["decide"] {
  return (layer: number, logits: FloatArray) => {
    const sparse = (count: number) => Math.floor(count * sparsity + 1e-9);
    const gates = Float32Array.from({ length: logits.length / 2 }, (_, gate) => {
      const place = layer * (logits.length / 2) + gate;
      return sparse(place + 1) > sparse(place) ? margin : 1 - margin;
    });
    const backward = (gradients: FloatArray) => Float32Array.from(logits, (_, i) => (i % 2 === 0 ? -0.25 : 0.25) * gradients[i >> 1]!);
    return { gates, backward };
  };
}

const gateLoss: TrainingStepOptions["gateLoss"] = (gates) => ({ loss: 0, gradients: gates.map((layer) => new Float32Array(layer.length)) });

function randomPack(spec: ModelSpec, count: number): TrainingPack {
  const tokens = randomTokens(spec, count);
  const targets = tokens.map((_, row) => tokens[row + 1] ?? -1);
  const end = Math.min(100, count);
  return { tokens, targets, offsets: [0, count], pooledRanges: [[[0, end], [count - end, count]]] };
}
