import { type Backend, ReferenceBackend, rmsNorm } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { type BackendUnderTest, describeFloatKernels, expectAgreement, randomTensor, type Work } from "../src/index.js";

const reference: BackendUnderTest = { name: "the reference itself", dtypes: ["f32"], create: () => new ReferenceBackend() };

// The suite holds for what it compares with.
describeFloatKernels(reference);

describe("a backend that does not agree", () => {
  const norm: Work = (backend, scope) => {
    const input = scope.track(randomTensor(backend, [3, 64], "f32", 1));
    const weight = scope.track(randomTensor(backend, [64], "f32", 2));
    const output = backend.allocate([3, 64], "f32");
    backend.kernels.run(rmsNorm, { input, weight, epsilon: 1e-6, output });
    return output;
  };
  const withNorm = (run: (output: Parameters<typeof rmsNorm.reference.run>[0], backend: Backend) => void): BackendUnderTest => ({
    ...reference,
    create() {
      const backend = new ReferenceBackend();
      backend.kernels.register(rmsNorm, { name: "own", supports: () => [], run }, { priority: 1 });
      return backend;
    },
  });

  test("is noticed where a result is off by more than the tolerance", () => {
    const off = withNorm((call, backend) => rmsNorm.reference.run({ ...call, epsilon: 1e-2 }, backend));
    expect(() => expectAgreement(off, 2e-5, norm)).toThrow(/result 0/);
    expect(() => expectAgreement(reference, 2e-5, norm)).not.toThrow();
  });

  test("is noticed where it leaves memory behind", () => {
    const leaking = withNorm((call, backend) => {
      backend.allocate([1], "f32");
      rmsNorm.reference.run(call, backend);
    });
    expect(() => expectAgreement(leaking, 2e-5, norm)).toThrow(/expected 1 to be/);
  });
});
