import { MemoryScope } from "@elastic-attention/core";
import {
  attentionModeDefinition,
  type BlockPattern,
  hybridAttention,
  knownPatterns,
  SequenceCache,
  visitedRanges,
} from "@elastic-attention/attention";
import type { Backend, Tensor } from "@elastic-attention/tensor";
import { elasticModeSettings, type ElasticSizes, publishedSizes } from "@elastic-attention/transformer";
import type { Benchmark } from "../benchmark.js";
import type { BenchmarkOptions } from "../command-line.js";
import { alternate, timed } from "../figures/contenders.js";
import { type Figure, figure } from "../figures/figure.js";
import { type ModelShape, modelShape } from "../random-models/model-shape.js";
import { fillRow, normalTable } from "../random-models/random-weights.js";
import { fullHeads } from "../workloads/routed-heads.js";
import { startBackend } from "../workloads/start-backend.js";
import { duration } from "../figures/statistics.js";

const sparsity = 0.75;
/** Without rounding the window to blocks, 0.75 of the heads can save at most a factor of 4: what is left is the window. */
const windows: readonly ElasticSizes[] = [
  publishedSizes,
  { ...publishedSizes, localTokens: 1024 },
  { ...publishedSizes, localTokens: 512, blockSize: 64 },
];

export const benchmark: Benchmark = {
  description: "One hybrid attention call with 75% of the heads streaming against the same call with all heads full",
  async run(options, progress) {
    using backend = await startBackend(options);
    const figures: Figure[] = [];
    for (const name of options.tiny ? ["tiny"] : (options.shapes ?? ["small", "1b"])) {
      for (const tokens of options.tokens ?? [options.tiny ? 64 : 16384]) {
        figures.push(...(await measure(backend, modelShape(name), tokens, options, progress)));
      }
    }
    return { figures, notes: ["bound: what the ratio would be if time were in proportion to the query-key pairs that are read."] };
  },
};

async function measure(
  backend: Backend,
  shape: ModelShape,
  tokens: number,
  options: BenchmarkOptions,
  progress: (line: string) => void,
): Promise<Figure[]> {
  const { numQueryHeads, numKeyValueHeads, headDim } = shape;
  progress(`${shape.name}, ${tokens} tokens`);
  using scope = new MemoryScope();
  const query = scope.track(normal(backend, "query", [tokens, numQueryHeads, headDim]));
  const output = scope.track(backend.allocate(query.shape, "bf16"));
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads, headDim, dtype: "bf16" }));
  {
    using keys = normal(backend, "keys", [tokens, numKeyValueHeads, headDim]);
    using values = normal(backend, "values", [tokens, numKeyValueHeads, headDim]);
    cache.append(0, keys, values);
  }
  const attend = async (patterns: readonly BlockPattern[]) => {
    const seconds = await timed(async () => {
      const sequences = [{ start: 0, length: tokens, cache: cache.layer(0), routing: knownPatterns(patterns) }];
      backend.kernels.run(hybridAttention, { query, output, sequences, scale: headDim ** -0.5 });
      await backend.synchronize();
    });
    return [seconds];
  };
  const full: BlockPattern = { type: "full" };
  const allFull = Array.from({ length: numKeyValueHeads }, () => full);
  const mixed = windows.map((sizes) => ({ sizes, patterns: mix(numKeyValueHeads, sizes) }));
  const contenders = [
    { name: "full", round: () => attend(allFull) },
    ...mixed.map(({ sizes, patterns }) => ({ name: windowName(sizes), round: () => attend(patterns) })),
  ];
  const samples = await alternate(contenders, options.rounds ?? (options.tiny ? 2 : 5), progress);
  const everything = pairs(full, tokens) * numKeyValueHeads;
  return mixed.map(({ sizes, patterns }) => {
    const read = patterns.reduce((sum, pattern) => sum + pairs(pattern, tokens), 0);
    return figure({
      what: `${shape.name}, ${tokens} tokens, MSR ${sparsity}, ${windowName(sizes)}`,
      unit: "ms",
      ours: duration("ours", samples.get(windowName(sizes))!, 0.001),
      peer: duration("all full", samples.get("full")!, 0.001),
      target: options.tiny || tokens !== 16384 ? undefined : { bound: "at least", value: 3 },
      targetIsRatio: true,
      higherIsBetter: false,
      note: `bound ${(everything / read).toFixed(2)}x`,
    });
  });
}

function windowName({ sinkTokens, localTokens, blockSize }: ElasticSizes): string {
  return `sink ${sinkTokens} local ${localTokens} block ${blockSize}`;
}

function mix(numKeyValueHeads: number, sizes: ElasticSizes): BlockPattern[] {
  const mode = elasticModeSettings(sizes).streaming;
  const streaming = attentionModeDefinition(mode).pattern(mode);
  const full = fullHeads(numKeyValueHeads, sparsity);
  return Array.from({ length: numKeyValueHeads }, (_, head) => (head < full ? { type: "full" } : streaming));
}

/** Query-key pairs that a head reads. */
function pairs(pattern: BlockPattern, tokens: number): number {
  if (pattern.type === "full") return (tokens * (tokens + 1)) / 2;
  let sum = 0;
  for (let position = 0; position < tokens; position++) {
    for (const [start, end] of visitedRanges(pattern, position)) sum += end - start;
  }
  return sum;
}

/** Normal values of unit size in bf16. */
function normal(backend: Backend, name: string, shape: readonly number[]): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  const indices = new Uint16Array(count);
  fillRow(name, 0, indices);
  const floats = Float32Array.from(indices, (index) => normalTable().values[index]! * 50);
  // bf16 is the upper half of float32; cut, not rounded: any values will do.
  const bits = new Uint32Array(floats.buffer);
  return backend.upload(Uint16Array.from(bits, (pattern) => pattern >>> 16), shape, "bf16");
}
