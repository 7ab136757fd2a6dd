import { expect, test } from "vitest";
import { allReduce, fromBFloat16, fromFloat16, gatherColumns, type RankGroup, ReferenceBackend, toBFloat16, toFloat16 } from "../../src/index.js";

/** A group of two whose other rank has twice of everything. */
const ranks: RankGroup = {
  name: "test",
  rank: 0,
  size: 2,
  allGather: (bytes) => [bytes, bytes],
  allReduceSum: (values) => values.forEach((value, index) => (values[index] = value + 2 * value)),
  settle: (bytes) => [bytes, bytes],
  [Symbol.dispose]: () => {},
};
const numbers = [0, -0, 1, -1.5, 0.1, 3e-39, 1e38, 3.3e38, -3.3e38, Infinity, -Infinity, NaN, 257, 65537.5];
const types = {
  f32: { from: (value: number) => value, to: Math.fround, data: Float32Array.from(numbers) },
  bf16: { from: fromBFloat16, to: toBFloat16, data: Uint16Array.from(numbers, toBFloat16) },
  f16: { from: fromFloat16, to: toFloat16, data: Uint16Array.from(numbers, toFloat16) },
};

test.each(["f32", "bf16", "f16"] as const)("sums over ranks are added in float32 and rounded once to %s", (dtype) => {
  const { from, to, data } = types[dtype];
  using backend = new ReferenceBackend();
  using values = backend.upload(data, [2, 7], dtype);
  backend.kernels.run(allReduce, { values, ranks });
  expect(Array.from(values.toFloat32())).toEqual(Array.from(data, (value) => from(to(Math.fround(from(value) + 2 * from(value))))));
});

test("columns of ranks lie side by side, row by row", () => {
  using backend = new ReferenceBackend();
  using input = backend.upload(Float32Array.of(1, 2, 3, 4), [2, 2], "f32");
  using output = backend.allocate([2, 4], "f32");
  backend.kernels.run(gatherColumns, { input, output, ranks });
  expect(Array.from(output.toFloat32())).toEqual([1, 2, 1, 2, 3, 4, 3, 4]);
  using narrow = backend.allocate([2, 3], "f32");
  expect(() => backend.kernels.run(gatherColumns, { input, output: narrow, ranks })).toThrow(/the ranks have 4 columns, the output 3/);
});
