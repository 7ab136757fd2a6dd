import { ShapeError } from "@elastic-attention/core";
import { describe, expect, test } from "vitest";
import { downloadFloats, ReferenceBackend, tensorFromFloats, uploadFloats } from "../../src/index.js";

describe("floats between the host and a tensor", () => {
  test.each(["f32", "bf16", "f16"] as const)("are rounded once to %s", (dtype) => {
    const backend = new ReferenceBackend();
    const values = Float64Array.of(0.1, -3, 1e-3, 65504);
    using tensor = tensorFromFloats(backend, values, [2, 2], dtype);
    const errors = Array.from(downloadFloats(tensor), (value, i) => Math.abs(value - values[i]!) / Math.abs(values[i]!));
    expect(Math.max(...errors)).toBeLessThanOrEqual({ f32: 2 ** -24, bf16: 2 ** -8, f16: 2 ** -11 }[dtype]);
    uploadFloats(tensor, Float32Array.of(1, 2, 3, 4));
    expect(Array.from(downloadFloats(tensor))).toEqual([1, 2, 3, 4]);
  });

  test("keep float64 on a reference backend of that precision", () => {
    const backend = new ReferenceBackend({ precision: "f64" });
    using tensor = tensorFromFloats(backend, Float64Array.of(0.1), [1], "f32");
    expect(downloadFloats(tensor)[0]).toBe(0.1);
  });

  test("overwrite a view and nothing beside it", () => {
    const backend = new ReferenceBackend();
    using tensor = tensorFromFloats(backend, new Float32Array(6), [2, 3], "bf16");
    uploadFloats(tensor.columns(1, 3), Float32Array.of(1, 2, 3, 4));
    expect(Array.from(tensor.toFloat32())).toEqual([0, 1, 2, 0, 3, 4]);
  });

  test("are refused where counts differ or the tensor holds integers, and leave no memory behind", () => {
    const backend = new ReferenceBackend();
    expect(() => tensorFromFloats(backend, new Float32Array(3), [2], "f32")).toThrow(ShapeError);
    using integers = backend.allocate([2], "i32");
    expect(() => uploadFloats(integers, new Float32Array(2))).toThrow(ShapeError);
    integers.dispose();
    expect(backend.memory().liveAllocations).toBe(0);
  });
});
