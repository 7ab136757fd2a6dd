import { describe, expect, test } from "vitest";
import { DisposedError, MemoryScope } from "@elastic-attention/core";
import { sameBits } from "../agreement.js";
import type { BackendUnderTest } from "../backend-under-test.js";

/** Copies to the host that are asked for now and read later. */
export function describeDownloads(subject: BackendUnderTest): void {
  describe(`downloads that are started on ${subject.name}`, () => {
    test("hold what the tensor held then, in whatever order they are read", () => {
      using backend = subject.create();
      using scope = new MemoryScope();
      const values = (turn: number) => Int32Array.from({ length: 1000 }, (_, index) => index * 7919 + turn * 104729);
      const tensor = backend.allocate([1000], "i32");
      const downloads = Array.from({ length: 100 }, (_, turn) => {
        backend.write(tensor, values(turn));
        return scope.track(tensor.startDownload());
      });
      backend.write(tensor, new Int32Array(1000));
      tensor.dispose();
      for (let read = 0; read < 100; read++) {
        const turn = (read * 37) % 100;
        expect(sameBits(downloads[turn]!.read(), values(turn)), `download ${turn}`).toBe(true);
      }
      expect(downloads[3]!.read()).toBe(downloads[3]!.read());
    });

    test("can be given up before they are done, and leave nothing", () => {
      using backend = subject.create();
      using large = backend.allocate([4096, 4096], "f32");
      using small = backend.upload(Float32Array.of(1, 2, 3), [3], "f32");
      const before = backend.memory();
      for (let turn = 0; turn < 1000; turn++) {
        backend.write(small, Float32Array.of(turn, turn + 1, turn + 2));
        const given = small.startDownload();
        expect(backend.memory().liveAllocations).toBe(before.liveAllocations + 1);
        given.dispose();
        given.dispose();
        expect(() => given.read()).toThrow(DisposedError);
        // Its place is taken by the next one, whose bytes must not be those of the one that was given up.
        using taken = large.rows(0, 1).columns(0, 3).startDownload();
        using own = small.startDownload();
        expect(new Float32Array(own.read().buffer)).toEqual(Float32Array.of(turn, turn + 1, turn + 2));
        expect(taken.read()).toHaveLength(12);
      }
      expect(backend.memory()).toEqual(before);
    });

    test.each([[0, 3], [1, 1], [3, 5], [128, 128], [1, 16384], [1, 16385], [700, 333]])("of [%i, %i], whole and with gaps", (rows, columns) => {
      using backend = subject.create();
      const values = Float32Array.from({ length: rows * (columns + 2) }, (_, index) => index - 5);
      using tensor = backend.upload(values, [rows, columns + 2], "f32");
      using gaps = tensor.columns(1, columns + 1).startDownload();
      using whole = tensor.startDownload();
      expect(sameBits(whole.read(), values)).toBe(true);
      const expected = values.filter((_, index) => index % (columns + 2) > 0 && index % (columns + 2) <= columns);
      expect(sameBits(gaps.read(), expected)).toBe(true);
    });

    test("are refused of a tensor that is gone", () => {
      using backend = subject.create();
      const tensor = backend.allocate([4], "f32");
      tensor.dispose();
      expect(() => tensor.startDownload()).toThrow(DisposedError);
      expect(backend.memory().liveAllocations).toBe(0);
    });
  });
}
