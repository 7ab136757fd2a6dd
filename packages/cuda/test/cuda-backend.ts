import { DisposedError, OutOfMemoryError } from "@elastic-attention/core";
import { add, cast, embedding, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { poisoned, randomTensor, testHostileArguments } from "@elastic-attention/conformance";
import { createCudaBackend, loadAddon } from "../src/index.js";
import { onceThereIsRoom } from "./once-there-is-room.js";

/** What the device adds to a backend: its memory, its limits, its edge. */
export function describeCudaBackend(): void {
  describe("the cuda backend", () => {
    test("refuses what does not fit, and goes on", () => {
      using backend = createCudaBackend();
      expect(() => backend.allocate([2 ** 44], "u8")).toThrow(OutOfMemoryError);
      using almost = backend.allocate([Math.floor(backend.device.memoryBytes / 2)], "u8");
      // The account would allow it; the device has no room for both.
      expect(() => backend.allocate([Math.floor(backend.device.memoryBytes * 0.49999)], "u8")).toThrow(OutOfMemoryError);
      almost.dispose();
      using small = randomTensor(backend, [4], "f32", 1);
      backend.kernels.run(add, { a: small, b: small, output: small });
      expect(Array.from(small.toFloat32()).every(Number.isFinite)).toBe(true);
    });

    test("ten thousand allocations leave nothing behind", () => {
      using backend = createCudaBackend();
      for (let i = 0; i < 10_000; i++) backend.allocate([1000 + i], "f32").dispose();
      expect(backend.memory().liveBytes).toBe(0);
    });

    test("a token outside of the table gives NaN, not a neighbour's memory", () => {
      using backend = createCudaBackend();
      using table = randomTensor(backend, [4, 8], "f32", 1);
      using output = poisoned(backend, [2, 8], "f32");
      using ids = backend.upload(Int32Array.of(4, -1), [2], "i32");
      backend.kernels.run(embedding, { ids, table, output });
      expect(Array.from(output.toFloat32()).every(Number.isNaN)).toBe(true);
    });

    test("refuses tensors of another backend and disposed ones", () => {
      using backend = createCudaBackend();
      using foreign = randomTensor(new ReferenceBackend(), [1, 8], "f32", 1);
      using output = poisoned(backend, [1, 8], "f32");
      expect(() => backend.kernels.run(cast, { input: foreign, output })).toThrow(/backend "reference"/);
      const gone = randomTensor(backend, [1, 8], "f32", 1);
      gone.dispose();
      expect(() => backend.kernels.run(cast, { input: gone, output })).toThrow(DisposedError);
    });

    test("a download that was started is waited for, not what was issued after it", () => {
      using backend = createCudaBackend();
      const addon = loadAddon();
      using small = backend.upload(Float32Array.of(1, 2, 3), [3], "f32");
      using large = onceThereIsRoom(() => backend.allocate([8192, 8192], "f32"));
      /** A fence behind additions that were issued after a download was started, when that has been read. */
      const readBefore = (additions: number) => {
        using download = small.startDownload();
        // 0.8 GB of traffic each.
        for (let turn = 0; turn < additions; turn++) backend.kernels.run(add, { a: large, b: large, output: large });
        const behind = Float64Array.of(addon.recordFence!(new Float64Array(0)));
        expect(new Float32Array(download.read().buffer)).toEqual(Float32Array.of(1, 2, 3));
        return behind;
      };
      // On a busy machine this thread may get its turn only when a tenth of a second of work is done. One that waited for
      // all of it would never see it unfinished, however much there is.
      let behind = readBefore(400);
      for (let additions = 800; addon.fenceReached!(behind) && additions <= 6400; additions *= 2) behind = readBefore(additions);
      expect(addon.fenceReached!(behind)).toBe(false);
      // What was queued behind the same work is waited for with it.
      using late = small.startDownload();
      expect(late.read()).toHaveLength(12);
      expect(addon.fenceReached!(behind)).toBe(true);
    });

    test("a download cannot be captured, and one that was never started cannot be read", () => {
      using backend = createCudaBackend();
      const addon = loadAddon();
      using small = backend.upload(Float32Array.of(1, 2, 3), [3], "f32");
      expect(() => backend.capture(() => void small.startDownload())).toThrow(/captured/);
      using download = small.startDownload();
      expect(download.read()).toHaveLength(12);
      for (const read of [0, -1, 2 ** 40]) {
        expect(() => addon.finishRead!(Float64Array.of(read))).toThrow(RangeError);
        expect(addon.releaseRead!(Float64Array.of(read))).toBe(false);
      }
      expect(backend.memory().liveAllocations).toBe(2);
    });

    testHostileArguments(loadAddon());
  });
}
