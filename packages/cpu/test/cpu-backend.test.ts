import { describe, expect, test } from "vitest";
import { OutOfMemoryError, ShapeError } from "@elastic-attention/core";
import { cpuProvider, createCpuBackend, loadAddon } from "../src/index.js";
import { describeRouterKernels, testHostileArguments } from "@elastic-attention/conformance";
import { subjects } from "./instruction-set-levels.js";

for (const subject of subjects) describeRouterKernels(subject);

describe("memory", () => {
  test("counts what lives, keeps limits, and stays usable after a refusal", () => {
    using backend = createCpuBackend();
    backend.setMemoryLimit(1000);
    const tensor = backend.allocate([100], "f32");
    expect(backend.memory()).toMatchObject({ liveAllocations: 1, liveBytes: 400, peakBytes: 400 });
    expect(() => backend.allocate([200], "f32")).toThrow(OutOfMemoryError);
    tensor.dispose();
    backend.allocate([200], "f32").dispose();
    expect(backend.memory()).toMatchObject({ liveAllocations: 0, liveBytes: 0, peakBytes: 800 });
    backend.setMemoryLimit(undefined);
    // More than the machine has: refused here, not by the system's killer.
    expect(() => backend.allocate([2 ** 44], "u8")).toThrow(OutOfMemoryError);
  });

  test("reads and writes views with gaps, from arrays at any offset", () => {
    using backend = createCpuBackend();
    using tensor = backend.upload(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3], "f32");
    const bytes = new Uint8Array(17);
    bytes.set(new Uint8Array(Float32Array.of(7, 8, 9, 10).buffer), 1);
    backend.write(tensor.columns(1, 3), bytes.subarray(1));
    expect(Array.from(tensor.toFloat32())).toEqual([1, 7, 8, 4, 9, 10]);
    expect(Array.from(tensor.columns(0, 2).toFloat32())).toEqual([1, 7, 4, 9]);
    expect(() => backend.write(tensor, new Float32Array(5))).toThrow(ShapeError);
  });
});

testHostileArguments(loadAddon());

test("the provider checks its options", async () => {
  expect(await cpuProvider.available()).toEqual([]);
  await expect(cpuProvider.create({ threads: 0 })).rejects.toThrow(/threads/);
  using backend = await cpuProvider.create({ threads: 1 });
  expect(backend.device.parallelism).toBe(1);
});
