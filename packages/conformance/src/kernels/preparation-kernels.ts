import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { MemoryScope } from "@elastic-attention/core";
import { countVisitedBlocks, createBlockMask, hybridAttention, knownPatterns, SequenceCache, shortenedCache } from "@elastic-attention/attention";
import { fillNormal, firstNotFinite, ReferenceBackend, rotaryTables } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../backend-under-test.js";
import { poisoned, randomTensor, relativeError, uploadFloats } from "../random-tensors.js";

/** Rotary tables, random weights, counts of blocks, and attention whose output takes the place of its queries. */
export function describePreparationKernels(subject: BackendUnderTest): void {
  describe(`preparation on ${subject.name}`, () => {
    test("rotary tables, far positions included", () => {
      const results = [subject.create(), new ReferenceBackend()].map((backend) => {
        using scope = new MemoryScope();
        const frequencies = Float32Array.from({ length: 12 }, (_, pair) => 0.9 ** pair);
        const radians = scope.track(backend.upload(frequencies, [12], "f32"));
        const [cosine, sine] = [scope.track(poisoned(backend, [70_000, 12], "f32")), scope.track(poisoned(backend, [70_000, 12], "f32"))];
        backend.kernels.run(rotaryTables, { frequencies: radians, scale: 1.25, cosine, sine });
        return [cosine.toFloat32(), sine.toFloat32()] as const;
      });
      for (const table of [0, 1] as const) expect(relativeError(results[0]![table], results[1]![table])).toBeLessThan(1e-6);
    });

    test.each(subject.dtypes)("normal values in %s: the reference's, with mean 0 and the deviation asked for", (dtype) => {
      const [values, expected] = [subject.create(), new ReferenceBackend()].map((backend) => {
        using output = poisoned(backend, [130, 2 * 77], dtype);
        // A view: elements are numbered within it, and what is beside it stays.
        backend.kernels.run(fillNormal, { output: output.columns(0, 77), seed: -3, deviation: 0.5 });
        return output.toFloat32();
      });
      expect(relativeError(values!, expected!)).toBeLessThan(2 ** -7);
      const drawn = values!.filter((_, index) => index % 154 < 77);
      const mean = drawn.reduce((sum, value) => sum + value, 0) / drawn.length;
      const variance = drawn.reduce((sum, value) => sum + (value - mean) ** 2, 0) / drawn.length;
      expect(Math.abs(mean)).toBeLessThan(0.02);
      expect(Math.sqrt(variance)).toBeCloseTo(0.5, 1);
    });

    test.each(subject.dtypes)("the first element of %s that is no finite number is found", (dtype) => {
      using backend = subject.create();
      using found = backend.allocate([1], "i32");
      for (const [place, value] of [[undefined, 0], [0, NaN], [70 * 33 - 1, -Infinity], [1234, Infinity]] as const) {
        const values = Float32Array.from({ length: 70 * 33 }, (_, index) => (index === place ? value : index - 1000));
        if (place !== undefined) values[Math.min(values.length - 1, place + 40)] = NaN;
        using input = uploadFloats(backend, values, [70, 33], dtype);
        backend.kernels.run(firstNotFinite, { input, output: found });
        expect(found.toFloat32()[0]).toBe(place ?? -1);
      }
    });

    test("files are read into tensors at any position, and a file that ends early is an error", () => {
      using backend = subject.create();
      const bytes = Uint8Array.from({ length: 20_000_003 }, (_, index) => (index * 31 + (index >> 9)) & 255);
      const path = join(mkdtempSync(join(tmpdir(), "read-file-")), "bytes");
      writeFileSync(path, bytes);
      const descriptor = openSync(path, "r");
      try {
        for (const [position, length] of [[0, 20_000_003], [3, 1], [8_388_600, 9_000_001]] as const) {
          using tensor = backend.allocate([length], "u8");
          backend.readFile!(tensor, descriptor, position);
          expect(Buffer.compare(tensor.download(), bytes.subarray(position, position + length))).toBe(0);
        }
        using long = backend.allocate([5000], "f32");
        expect(() => backend.readFile!(long, descriptor, 19_990_000)).toThrow(/end/);
      } finally {
        closeSync(descriptor);
        rmSync(dirname(path), { recursive: true });
      }
    });

    test("blocks are counted by query head", () => {
      using backend = subject.create();
      const bytes = Uint8Array.from({ length: 3 * 50 * 70 }, (_, index) => Number((index * 2654435761) % 7 < 2 + Math.floor(index / 3500)));
      using mask = createBlockMask(backend.upload(bytes, [150, 70], "u8"), 16, 3);
      using counts = backend.allocate([3], "i32");
      backend.kernels.run(countVisitedBlocks, { mask, counts });
      const expected = [0, 1, 2].map((head) => bytes.subarray(head * 3500, (head + 1) * 3500).reduce((sum, bit) => sum + bit, 0));
      expect(Array.from(counts.toFloat32())).toEqual(expected);
    });

    test.each(subject.dtypes)("attention in %s over its own queries and in slices of rows gives the same bits", (dtype) => {
      using backend = subject.create();
      using scope = new MemoryScope();
      const [tokens, heads, headDim] = [333, 2, 64];
      const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: heads, headDim, dtype }));
      const keys = scope.track(randomTensor(backend, [tokens, heads, headDim], dtype, 1));
      cache.append(0, keys, scope.track(randomTensor(backend, [tokens, heads, headDim], dtype, 2)));
      const query = scope.track(randomTensor(backend, [tokens, 4, headDim], dtype, 3, 3));
      const output = scope.track(poisoned(backend, query.shape, dtype));
      const patterns = [{ type: "full" }, { type: "streaming", sinkBlocks: 1, localBlocks: 1, blockSize: 128 }] as const;
      const whole = { start: 0, length: tokens, cache: cache.layer(0), routing: knownPatterns(patterns) };
      const scale = headDim ** -0.5;
      backend.kernels.run(hybridAttention, { query, output, sequences: [whole], scale });
      const expected = output.toFloat32();
      for (const [start, end] of [[0, 128], [128, 256], [256, 333]] as const) {
        const part = { ...whole, start, length: end - start, cache: shortenedCache(cache.layer(0), end) };
        backend.kernels.run(hybridAttention, { query, output: query, sequences: [part], scale });
      }
      expect(query.toFloat32()).toEqual(expected);
    });
  });
}
