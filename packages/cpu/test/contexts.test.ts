import { MemoryScope } from "@elastic-attention/core";
import { linear, packLinear } from "@elastic-attention/tensor";
import { poisoned, randomTensor } from "@elastic-attention/conformance";
import { readdirSync, readFileSync } from "node:fs";
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

/** Processor time, in ticks, that each thread of this process has used. */
function threadTicks(): Map<string, number> {
  const tasks = "/proc/self/task";
  return new Map(
    readdirSync(tasks).map((task) => {
      const fields = readFileSync(`${tasks}/${task}/stat`, "utf8").split(") ")[1]!.split(" ");
      return [task, Number(fields[11]) + Number(fields[12])];
    }),
  );
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
    using many = createCpuBackend({ threads: 4 });
    using one = createCpuBackend({ threads: 1 });
    /** Works until the second busiest thread has used so much of the processor, or for so long. @returns what it has used */
    const second = (backend: CpuBackend, ticks: number, milliseconds: number) => {
      using scope = new MemoryScope();
      const input = scope.track(randomTensor(backend, [256, 512], "f32", 1));
      const matrix = scope.track(randomTensor(backend, [512, 512], "f32", 2));
      const weight = scope.track(backend.kernels.run(packLinear, { weights: [matrix], dtype: "f32" }));
      const output = scope.track(poisoned(backend, [256, 512], "f32"));
      const before = threadTicks();
      const used = () => [...threadTicks()].map(([task, now]) => now - (before.get(task) ?? 0)).sort((a, b) => b - a)[1]!;
      const end = performance.now() + milliseconds;
      do backend.kernels.run(linear, { input, weight, output });
      while (performance.now() < end && used() < ticks);
      return used();
    };
    // A machine with other work gives the workers little, a quiet one half: both are far from nothing.
    expect(second(many, 10, 20_000)).toBeGreaterThanOrEqual(10);
    expect(second(one, 10, 700)).toBeLessThan(10);
    expect(second(many, 10, 20_000)).toBeGreaterThanOrEqual(10);
  }, 60_000);
});
