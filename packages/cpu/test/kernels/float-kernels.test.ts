import { ShapeError, UnsupportedOperationError } from "@elastic-attention/core";
import { add, cast, embedding, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { describeFloatKernels, poisoned, randomTensor } from "@elastic-attention/conformance";
import { createCpuBackend } from "../../src/index.js";
import { subjects } from "../instruction-set-levels.js";

for (const subject of subjects) describeFloatKernels(subject);

describe("what the kernels refuse", () => {
  test("ids and positions outside their tables", () => {
    using backend = createCpuBackend();
    using table = randomTensor(backend, [4, 8], "f32", 1);
    using output = poisoned(backend, [1, 8], "f32");
    for (const id of [-1, 4, 2 ** 31 - 1]) {
      using ids = backend.upload(Int32Array.of(id), [1], "i32");
      expect(() => backend.kernels.run(embedding, { ids, table, output })).toThrow(ShapeError);
    }
  });

  test("dtypes they do not compute with, naming the operand", () => {
    using backend = createCpuBackend();
    using half = randomTensor(backend, [1, 8], "f16", 1);
    expect(() => backend.kernels.run(add, { a: half, b: half, output: half })).toThrow(UnsupportedOperationError);
    expect(() => backend.kernels.run(add, { a: half, b: half, output: half })).toThrow(/a is f16/);
  });

  test("tensors of another backend and disposed ones", () => {
    using backend = createCpuBackend();
    using foreign = randomTensor(new ReferenceBackend(), [1, 8], "f32", 1);
    const gone = randomTensor(backend, [1, 8], "f32", 1);
    using output = poisoned(backend, [1, 8], "f32");
    expect(() => backend.kernels.run(cast, { input: foreign, output })).toThrow(/backend "reference"/);
    gone.dispose();
    expect(() => backend.kernels.run(cast, { input: gone, output })).toThrow(expect.objectContaining({ code: "DISPOSED" }));
  });
});
