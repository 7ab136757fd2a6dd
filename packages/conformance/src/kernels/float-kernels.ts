import {
  add,
  cast,
  embedding,
  gatedActivation,
  headNorm,
  rmsNorm,
  rotary,
} from "@elastic-attention/tensor";
import { describe, test } from "vitest";
import { expectAgreement } from "../agreement.js";
import type { BackendUnderTest } from "../backend-under-test.js";
import { poisoned, randomTensor, tolerances, uploadFloats } from "../random-tensors.js";

const shapes = [[1, 1], [1, 31], [3, 64], [70, 257], [5, 4096]] as const;

/** Norms, rotation, activations, casts and lookups against the reference backend. */
export function describeFloatKernels(subject: BackendUnderTest): void {
  describe(`float kernels of ${subject.name}`, () => {
    describe.each(subject.dtypes)("in %s", (dtype) => {
      const tolerance = tolerances[dtype];

      test.each(shapes)("rmsNorm [%i, %i]", (rows, features) => {
        for (const scale of [1, 1e4]) {
          expectAgreement(subject, tolerance, (backend, scope) => {
            const input = scope.track(randomTensor(backend, [rows, features], dtype, 1, scale));
            const weight = scope.track(randomTensor(backend, [features], dtype, 3));
            const output = poisoned(backend, [rows, features], dtype);
            backend.kernels.run(rmsNorm, { input, weight, epsilon: 1e-6, output });
            return output;
          });
        }
      });

      test.each([[7, 3, 64], [33, 2, 96], [2, 1, 40]])("headNorm and rotary [%i, %i, %i]", (tokens, heads, headDim) => {
        expectAgreement(subject, tolerance * 2, (backend, scope) => {
          // A column range of a fused projection: rows have gaps.
          const fused = randomTensor(backend, [tokens, 2 * heads * headDim], dtype, 4);
          const view = fused.columns(heads * headDim, 2 * heads * headDim).reshape([tokens, heads, headDim]);
          const weight = scope.track(randomTensor(backend, [headDim], "f32", 5));
          backend.kernels.run(headNorm, { heads: view, weight, epsilon: 1e-6 });
          const angles = Array.from({ length: 50 * (headDim / 2) }, (_, i) => i * 0.37);
          const cosine = scope.track(uploadFloats(backend, Float32Array.from(angles, Math.cos), [50, headDim / 2], "f32"));
          const sine = scope.track(uploadFloats(backend, Float32Array.from(angles, Math.sin), [50, headDim / 2], "f32"));
          const positions = scope.track(backend.upload(Int32Array.from({ length: tokens }, (_, i) => (i * 7) % 50), [tokens], "i32"));
          backend.kernels.run(rotary, { heads: view, positions, cosine, sine });
          return fused;
        });
      });

      test.each(shapes)("swiglu and add [%i, %i]", (rows, features) => {
        expectAgreement(subject, tolerance, (backend, scope) => {
          const gate = scope.track(randomTensor(backend, [rows, 2 * features], dtype, 6, 8));
          const output = poisoned(backend, [rows, features], dtype);
          const [left, right] = [gate.columns(0, features), gate.columns(features, 2 * features)];
          backend.kernels.run(gatedActivation, { gate: left, up: right, activation: "silu", output });
          backend.kernels.run(add, { a: output, b: left, output });
          return output;
        });
      });
    });

    test("casts round to nearest even between all float types, subnormals and infinities included", () => {
      const special = [0, -0, 1, -1.5, 65504, 65519, 65520, 1e-8, 6e-8, 5.96e-8, 3.3e38, -3.3e38, Infinity, -Infinity, NaN, 1.00390625, 2049];
      const values = Float32Array.from({ length: 40 }, (_, i) => special[i % special.length]!);
      for (const from of ["f32", "bf16", "f16"] as const) {
        for (const to of ["f32", "bf16", "f16"] as const) {
          expectAgreement(subject, 0, (backend, scope) => {
            const input = scope.track(uploadFloats(backend, values, [2, 20], from));
            const output = poisoned(backend, [2, 20], to);
            backend.kernels.run(cast, { input, output });
            return output;
          });
        }
      }
    });

    test("embedding reads rows of any float type", () => {
      for (const dtype of ["f32", "bf16", "f16"] as const) {
        expectAgreement(subject, tolerances.bf16, (backend, scope) => {
          const table = scope.track(randomTensor(backend, [11, 33], dtype, 9));
          const ids = scope.track(backend.upload(Int32Array.of(10, 0, 3, 3), [4], "i32"));
          const output = poisoned(backend, [4, 33], "bf16");
          backend.kernels.run(embedding, { ids, table, output });
          return output;
        });
      }
    });
  });
}
