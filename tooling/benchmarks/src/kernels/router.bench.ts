import { MemoryScope } from "@elastic-attention/core";
import { LearnedRouter, type RouterInput } from "@elastic-attention/router";
import type { Backend } from "@elastic-attention/tensor";
import { elasticModes, publishedSizes } from "@elastic-attention/transformer";
import type { Benchmark } from "../benchmark.js";
import type { BenchmarkOptions } from "../command-line.js";
import { type Figure, figure } from "../figures/figure.js";
import { type ModelShape, modelShape } from "../random-models/model-shape.js";
import { OwnModel } from "../random-models/own-model.js";
import { promptTokens } from "../random-models/prompt-tokens.js";
import { randomRouter } from "../random-models/random-router.js";
import { startBackend } from "../workloads/start-backend.js";
import { duration, type Summary } from "../figures/statistics.js";

export const benchmark: Benchmark = {
  description: "The learned router's share of one layer's time at prefill",
  async run(options, progress) {
    using backend = await startBackend(options);
    const figures: Figure[] = [];
    for (const name of options.tiny ? ["tiny"] : (options.shapes ?? ["small"])) {
      for (const tokens of options.tokens ?? [options.tiny ? 64 : 2048]) {
        figures.push(...(await measure(backend, modelShape(name), tokens, options, progress)));
      }
    }
    return { figures, notes: [] };
  },
};

async function measure(
  backend: Backend,
  shape: ModelShape,
  count: number,
  options: BenchmarkOptions,
  progress: (line: string) => void,
): Promise<Figure[]> {
  using scope = new MemoryScope();
  const ours = scope.track(await OwnModel.open(backend, shape, progress));
  const layers = Array.from({ length: shape.numLayers }, (_, layer) => scope.track(randomRouter(backend, shape.headDim, layer)));
  const modes = elasticModes("fa-ssa", publishedSizes);
  const learned = new LearnedRouter({ layers, ...modes });
  const routerSeconds: number[] = [];
  /** The learned router as the model calls it, timed in its place: allocation, logits, decision and plan. */
  const timedRouter = {
    name: learned.name,
    modes: learned.modes,
    route(input: RouterInput) {
      const start = performance.now();
      const plan = learned.route(input);
      // The decision: until it is asked for, a device may still compute it.
      plan.waitForAssignment();
      routerSeconds.push((performance.now() - start) / 1000);
      return plan;
    },
    [Symbol.dispose]: () => {},
  };
  const layerSeconds: number[] = [];
  const tokens = promptTokens(shape, count);
  const rounds = options.rounds ?? (options.tiny ? 2 : 10);
  for (let round = 0; round <= rounds; round++) {
    using cache = ours.cache();
    let last = performance.now();
    const { logits } = await ours.model.decoder.prefill({
      sequences: [{ tokens, cache, router: timedRouter }],
      onProgress: () => {
        const now = performance.now();
        layerSeconds.push((now - last) / 1000);
        last = now;
      },
    });
    logits.dispose();
    // The first prefill warms up; the first layer of each also lays out the batch.
    if (round === 0) [routerSeconds.length, layerSeconds.length] = [0, 0];
    progress(round === 0 ? "warmed up" : `round ${round} of ${rounds}`);
  }
  const router = duration("router", routerSeconds, 1e-6);
  const layer = duration("layer", layerSeconds, 1e-6);
  const what = `${shape.name}, ${count} tokens`;
  const note = `${layers[0]!.parameters} router parameters a layer; all heads of the layer, host time of the decision included`;
  return [
    figure({ what: `${what}, router of one layer`, unit: "us", ours: router, higherIsBetter: false, note }),
    figure({ what: `${what}, whole layer`, unit: "us", ours: layer, higherIsBetter: false }),
    figure({
      what: `${what}, router's share`,
      unit: "%",
      ours: share(router, layer),
      target: options.tiny || count !== 2048 ? undefined : { bound: "at most", value: 1 },
      higherIsBetter: false,
    }),
  ];
}

function share(router: Summary, layer: Summary): Summary {
  const percent = (part: number, whole: number) => (100 * part) / whole;
  return { name: "ours", best: percent(router.best, layer.best), median: percent(router.median, layer.median), samples: router.samples };
}
