import { MemoryScope } from "@elastic-attention/core";
import { linear, packLinear } from "@elastic-attention/tensor";
import { createCpuBackend } from "./cpu-provider.js";
import type { InstructionSet } from "./instruction-set.js";

const [rows, features, runs] = [256, 1024, 5];

/**
 * Measures what products of bf16 reach at a level, in floating-point operations a second: the best of a few runs of 256 rows by
 * a weight of 1024 × 1024, some hundredths of a second in all.
 * @throws InvalidOptionError for a level that this processor does not have
 */
export function measureProductRate(instructionSet: InstructionSet, threads?: number): number {
  using backend = createCpuBackend({ instructionSet, ...(threads === undefined ? {} : { threads }) });
  using scope = new MemoryScope();
  const matrix = scope.track(backend.upload(new Float32Array(features * features).fill(0.5), [features, features], "f32"));
  const weight = scope.track(backend.kernels.run(packLinear, { weights: [matrix], dtype: "bf16" }));
  const input = scope.track(backend.upload(new Uint16Array(rows * features).fill(0x3f80), [rows, features], "bf16"));
  const output = scope.track(backend.allocate([rows, features], "bf16"));
  let seconds = Infinity;
  for (let run = 0; run < runs; run++) {
    const start = performance.now();
    backend.kernels.run(linear, { input, weight, output });
    seconds = Math.min(seconds, (performance.now() - start) / 1000);
  }
  return (2 * rows * features * features) / seconds;
}
