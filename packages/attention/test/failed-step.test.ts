import { DeviceError } from "@elastic-attention/core";
import { seededRandom } from "@elastic-attention/fixtures";
import { type Backend, CopiedTensor, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { type AttentionMode, hybridAttention, PagePool, SequenceCache } from "../src/index.js";
import { floats, poisoned } from "./filled-cache.js";

const [numLayers, numKeyValueHeads, headDim] = [2, 3, 4];
const modes: readonly AttentionMode[] = [
  { kind: "full" },
  { kind: "streaming", sinkTokens: 4, localTokens: 40, blockSize: 8 },
  { kind: "streaming", sinkTokens: 128, localTokens: 128, blockSize: 128 },
];

/** A backend whose writes, or what gives memory back, can fail. */
class FailingBackend extends ReferenceBackend {
  fails: "write" | "clear" | undefined;

  override write(...values: Parameters<Backend["write"]>): void {
    if (this.fails === "write") throw new DeviceError(this.name, "write", "injected");
    super.write(...values);
  }

  reserve(...[rows, rowLength, dtype]: Parameters<NonNullable<Backend["reserve"]>>) {
    const tensor = new CopiedTensor(this, rows, rowLength, dtype);
    const clear = tensor.clear.bind(tensor);
    tensor.clear = () => {
      clear();
      if (this.fails === "clear") throw new DeviceError(this.name, "clear", "injected");
    };
    return tensor;
  }
}

function newCache(backend: ReferenceBackend, pool?: PagePool): SequenceCache {
  return new SequenceCache({ backend, numLayers, numKeyValueHeads, headDim, dtype: "f32", ...(pool === undefined ? {} : { pool }) });
}

/** Appends random tokens to the first `layers` layers and attends with them; the outputs. */
function step(cache: SequenceCache, backend: ReferenceBackend, tokens: number, seed: number, layers = numLayers): Float32Array[] {
  const random = seededRandom(seed);
  const numbers = () => Float32Array.from({ length: tokens * numKeyValueHeads * headDim }, () => random() * 2 - 1);
  const shape = [tokens, numKeyValueHeads, headDim];
  return Array.from({ length: layers }, (_, layer) => {
    using keys = floats(backend, numbers(), shape);
    using values = floats(backend, numbers(), shape);
    using query = floats(backend, numbers(), shape);
    using output = poisoned(backend, shape);
    cache.append(layer, keys, values);
    const sequence = { start: 0, length: tokens, cache: cache.layer(layer), routing: cache.decodePatterns(layer) };
    backend.kernels.run(hybridAttention, { query, output, sequences: [sequence], scale: 0.5 });
    if (tokens > 1) cache.settle(layer, modes);
    return output.toFloat32();
  });
}

describe.each([["in pages", true], ["in tensors of its own", false]])("a cache %s", (_, isPaged) => {
  test("gives the same outputs when steps failed after some of its layers, or all, and were taken again", () => {
    using backend = new ReferenceBackend();
    using pool = new PagePool({ backend, headDim, dtype: "f32" });
    const [smooth, broken] = [newCache(backend, isPaged ? pool : undefined), newCache(backend, isPaged ? pool : undefined)];
    for (const cache of [smooth, broken]) {
      step(cache, backend, 250, 1);
      cache.advance(250);
    }
    for (let token = 0; token < 300; token++) {
      // Other keys and values than those of the step that counts.
      step(broken, backend, 1, 10_000 + token, 1 + (token % 2));
      if (token % 4 === 3) broken.advance(1);
      broken.undoStep(250 + token);
      const [expected, found] = [smooth, broken].map((cache) => step(cache, backend, 1, 100 + token));
      expect(found).toEqual(expected);
      for (const cache of [smooth, broken]) cache.advance(1);
    }
    smooth.dispose();
    broken.dispose();
  });
});

describe("a pool of pages", () => {
  test("brings all entries of its tables with the next write after one that failed", () => {
    using backend = new FailingBackend();
    using pool = new PagePool({ backend, headDim, dtype: "f32" });
    using cache = newCache(backend, pool);
    step(cache, backend, 250, 1);
    cache.advance(250);
    backend.fails = "write";
    expect(() => cache.makeRoom(20)).toThrow(DeviceError);
    backend.fails = undefined;
    using third = newCache(backend, pool);
    step(third, backend, 5, 3);
    expect(Array.from(pool.entries.download().slice(0, 4 * pool.host.length))).toEqual(Array.from(new Uint8Array(pool.host.buffer)));
  });

  test("takes memory again after it could not be given back", () => {
    using backend = new FailingBackend();
    using pool = new PagePool({ backend, headDim, dtype: "f32" });
    const [before, after] = [newCache(backend, pool), newCache(backend, pool)];
    const expected = step(before, backend, 250, 1);
    backend.fails = "clear";
    expect(() => before.dispose()).toThrow(DeviceError);
    backend.fails = undefined;
    expect(pool.report()).toMatchObject({ pagesInUse: 0, pagesAllocated: 0 });
    expect(step(after, backend, 250, 1)).toEqual(expected);
    after.dispose();
  });
});
