import { MemoryScope } from "@elastic-attention/core";
import { type Backend, fillNormal } from "@elastic-attention/tensor";
import { DecoderModel, drawTokens, TokenSampler } from "@elastic-attention/transformer";
import type { BenchmarkOptions } from "../command-line.js";
import { type Figure, figure } from "../figures/figure.js";
import { rate } from "../figures/statistics.js";
import { publishedShape } from "../random-models/published-shapes.js";

const stepTokens = [2, 4, 8, 16];

/** Decode steps that bring several tokens of one sequence, greedy, where all are right: against steps of one token. */
export async function draftedSteps(backend: Backend, name: string, options: BenchmarkOptions, progress: (line: string) => void): Promise<Figure[]> {
  const lengths = options.caches ?? [options.tiny ? 200 : 32_768];
  const spec = publishedShape(name, Math.max(...lengths) + 1024);
  using scope = new MemoryScope();
  const model = scope.track(DecoderModel.random({ backend, spec, dtype: "bf16" }));
  await backend.synchronize();
  const { numLayers, numKeyValueHeads, headDim } = spec;
  const figures: Figure[] = [];
  for (const length of lengths) {
    using own = new MemoryScope();
    const rows = own.track(backend.allocate([length, numKeyValueHeads, headDim], "bf16"));
    backend.kernels.run(fillNormal, { output: rows, seed: 4, deviation: 1 });
    const cache = own.track(model.createCache());
    for (let layer = 0; layer < numLayers; layer++) {
      cache.append(layer, rows, rows);
      cache.settle(layer, Array.from({ length: numKeyValueHeads }, () => ({ kind: "full" })));
    }
    cache.advance(length);
    const sampler = own.track(new TokenSampler(backend, spec.vocabularySize));
    const seconds = (tokens: number): number[] => {
      const step = () => {
        const begun = performance.now();
        const draft = Array.from({ length: tokens - 1 }, (_, index) => index + 2);
        model.readStep([{ tokens: [1, ...draft], cache }], (logits) => drawTokens(logits, [{ sampler, draft }]));
        cache.undoStep(length);
        return (performance.now() - begun) / 1000;
      };
      for (let warm = 0; warm < 3; warm++) step();
      return Array.from({ length: options.rounds ?? (options.tiny ? 2 : 12) }, step);
    };
    const plain = rate("one token a step", seconds(1), 1);
    for (const tokens of stepTokens) {
      const found = figure({
        what: `${name}, cache ${length}, ${tokens} tokens a step, all right`,
        unit: "tokens/s",
        ours: rate("drafts", seconds(tokens), tokens),
        peer: plain,
        higherIsBetter: true,
      });
      figures.push(found);
      progress(`${found.what}: ${found.ours.median.toFixed(0)} tokens/s, ${found.ratio!.median.toFixed(2)} times steps of one token`);
    }
  }
  return figures;
}
