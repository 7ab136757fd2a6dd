import { hybridAttention, knownPatterns, SequenceCache } from "@elastic-attention/attention";
import { MemoryScope } from "@elastic-attention/core";
import { type CpuBackend, measureProductRate } from "@elastic-attention/cpu";
import { fillNormal } from "@elastic-attention/tensor";
import { type Figure, figure } from "../figures/figure.js";
import type { Summary } from "../figures/statistics.js";
import { readBandwidth } from "./read-bandwidth.js";

/** What the machine gives at this hour, and what attention alone makes of it. */
export interface MachineRates {
  readonly bytesPerSecond: number;
  /** Floating-point operations a second of a bf16 product at the backend's level. */
  readonly productRate: number;
  /** Those of causal attention alone, half of the square counted. */
  readonly attentionRate: number;
  readonly attentionTokens: number;
}

/** Of the attention's share of the product rate. */
const attentionGoal = 0.6;

export function measureMachine(backend: CpuBackend, threads: number, tiny: boolean): MachineRates {
  const attentionTokens = tiny ? 256 : 8192;
  return {
    bytesPerSecond: readBandwidth(backend),
    productRate: measureProductRate(backend.instructionSet, threads),
    attentionRate: attentionRate(backend, attentionTokens, tiny ? 1 : 3),
    attentionTokens,
  };
}

/** Causal attention of two full heads of dimension 64 that share keys and values: the best of a few runs. */
function attentionRate(backend: CpuBackend, tokens: number, runs: number): number {
  const [numQueryHeads, numKeyValueHeads, headDim] = [2, 1, 64];
  using scope = new MemoryScope();
  const normal = (shape: readonly number[], seed: number) => {
    const tensor = scope.track(backend.allocate(shape, "bf16"));
    backend.kernels.run(fillNormal, { output: tensor.reshape([shape[0]!, tensor.rowLength]), seed, deviation: 1 });
    return tensor;
  };
  const query = normal([tokens, numQueryHeads, headDim], 1);
  const output = scope.track(backend.allocate(query.shape, "bf16"));
  const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads, headDim, dtype: "bf16" }));
  cache.append(0, normal([tokens, numKeyValueHeads, headDim], 2), normal([tokens, numKeyValueHeads, headDim], 3));
  let seconds = Infinity;
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    const sequences = [{ start: 0, length: tokens, cache: cache.layer(0), routing: knownPatterns([{ type: "full" }]) }];
    backend.kernels.run(hybridAttention, { query, output, sequences, scale: headDim ** -0.5 });
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
  }
  const pairs = (numQueryHeads * tokens * (tokens + 1)) / 2;
  return (4 * headDim * pairs) / seconds;
}

/** What the machine gives: a figure that stays below it says nothing of the code. */
export function machineFigures({ bytesPerSecond, productRate, attentionRate, attentionTokens }: MachineRates): Figure[] {
  const summary = (value: number): Summary => ({ name: "ours", best: value, median: value, samples: 1 });
  return [
    figure({ what: "memory read", unit: "GB/s", ours: summary(bytesPerSecond / 1e9), higherIsBetter: true }),
    figure({ what: "bf16 product, 256 rows", unit: "GFLOP/s", ours: summary(productRate / 1e9), higherIsBetter: true }),
    figure({ what: `attention alone, ${attentionTokens} tokens, head_dim 64`, unit: "GFLOP/s", ours: summary(attentionRate / 1e9), higherIsBetter: true }),
    figure({ what: "attention over product", unit: "share", ours: summary(attentionRate / productRate), target: { bound: "at least", value: attentionGoal }, higherIsBetter: true }),
  ];
}
