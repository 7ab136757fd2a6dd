import { type BackendUnderTest, describeFloatKernels } from "@elastic-attention/conformance";
import { createCpuBackend } from "@elastic-attention/cpu";
import { rmsNorm, tensorFromFloats } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { exactNormKernel, preferExactNorm } from "../src/index.js";

const subject: BackendUnderTest = {
  name: "the cpu with the exact norm",
  dtypes: ["f32", "bf16"],
  create() {
    const backend = createCpuBackend({ threads: 1 });
    preferExactNorm(backend);
    return backend;
  },
};

// Everything that is asked of the norms of a native backend is asked of this one.
describeFloatKernels(subject);

describe("the exact norm", () => {
  test("is the kernel that runs, and sums without loss where float32 sums lose", () => {
    const backend = subject.create();
    const features = 1 << 14;
    // 1 beside many small numbers: in float32, each of their squares vanishes beside the first.
    const values = new Float32Array(features).fill(2 ** -13);
    values[0] = 1;
    using input = tensorFromFloats(backend, values, [1, features], "f32");
    using weight = tensorFromFloats(backend, new Float32Array(features).fill(1), [features], "f32");
    using output = backend.allocate([1, features], "f32");
    expect(backend.kernels.explain(rmsNorm, { input, weight, epsilon: 0, output })[0]).toMatchObject({ kernel: "exact", reasons: [] });
    backend.kernels.run(rmsNorm, { input, weight, epsilon: 0, output });
    const mean = (1 + (features - 1) * 2 ** -26) / features;
    expect(output.toFloat32()[0]).toBe(Math.fround(1 / Math.sqrt(mean)));
  });

  test("says why it leaves rows that are too long to another kernel", () => {
    const backend = subject.create();
    using long = backend.allocate([1, (1 << 16) + 1], "f32");
    expect(exactNormKernel.supports({ input: long, weight: long, epsilon: 1e-6, output: long })).toEqual(["rows have at most 65536 features, not 65537"]);
  });
});
