import { MemoryScope } from "@elastic-attention/core";
import { linear, packLinear } from "@elastic-attention/tensor";
import { poisoned, randomTensor } from "@elastic-attention/conformance";
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { type CpuBackend, createCpuBackend, type InstructionSet } from "../src/index.js";
import { levels } from "./instruction-set-levels.js";

/** A product whose sums depend on the level: the order of additions differs from one to the next. */
function product(backend: CpuBackend): Uint8Array {
  using scope = new MemoryScope();
  const input = scope.track(randomTensor(backend, [64, 513], "f32", 1));
  const matrix = scope.track(randomTensor(backend, [97, 513], "f32", 2));
  const weight = scope.track(backend.kernels.run(packLinear, { weights: [matrix], dtype: "bf16" }));
  const output = scope.track(poisoned(backend, [64, 97], "f32"));
  backend.kernels.run(linear, { input, weight, output });
  return output.download();
}

describe("two backends of one process", () => {
  test("keep the level that each was made with, whatever the other does", () => {
    const alone = new Map<InstructionSet, Uint8Array>();
    for (const level of levels) {
      using backend = createCpuBackend({ instructionSet: level, threads: 2 });
      alone.set(level, product(backend));
    }
    const backends = levels.map((level) => [level, createCpuBackend({ instructionSet: level, threads: 2 })] as const);
    for (const [level, backend] of [...backends, ...backends.toReversed()]) expect(product(backend)).toEqual(alone.get(level));
    if (levels.length > 1) expect(new Set([...alone.values()].map(String)).size).toBeGreaterThan(1);
  });

  test("say the level and the threads that each has", () => {
    using first = createCpuBackend({ instructionSet: "plain", threads: 1 });
    using second = createCpuBackend({ threads: 3 });
    expect(first.device).toMatchObject({ description: "plain kernels on 1 thread", parallelism: 1 });
    expect(second.device.parallelism).toBe(3);
    expect(second.device.description).toMatch(/on 3 threads$/);
  });

  test.skipIf(process.platform !== "linux")("use as many threads as each was made with", () => {
    const program = fileURLToPath(new URL("used-threads.mjs", import.meta.url));
    const { NODE_OPTIONS: _, ...environment } = process.env;
    const [many, one, again] = JSON.parse(execFileSync(process.execPath, [program], { encoding: "utf8", env: environment })) as [number, number, number];
    // A machine with other work gives the workers little, a quiet one half: both are far from nothing.
    expect(many).toBeGreaterThanOrEqual(10);
    expect(one).toBeLessThan(10);
    expect(again).toBeGreaterThanOrEqual(10);
  }, 60_000);
});
