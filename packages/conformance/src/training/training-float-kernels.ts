import { ShapeError } from "@elastic-attention/core";
import { crossEntropy, gatedActivationBackward, headNormBackward, rmsNormBackward, rotary } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { expectAgreement } from "../agreement.js";
import type { BackendUnderTest } from "../backend-under-test.js";
import { poisoned, randomTensor, gradientTolerances, uploadFloats } from "../random-tensors.js";

const shapes = [[1, 1], [1, 31], [3, 64], [70, 257], [5, 4096]] as const;
/** With one feature the gradient of a norm is a difference of equals. */
const normShapes = [[1, 3], ...shapes.slice(1)] as const;

/**
 * Gradients of norms, rotation and activations, and the loss, against the reference backend. The gradientTolerances are those of
 * the forward kernels: sums in float32, one rounding.
 */
export function describeTrainingFloatKernels(subject: BackendUnderTest): void {
  describe(`gradients of float kernels of ${subject.name}`, () => {
    describe.each(subject.dtypes)("in %s", (dtype) => {
      const tolerance = gradientTolerances[dtype];

      test.each(normShapes)("rmsNormBackward [%i, %i]", (rows, features) => {
        for (const scale of [1, 1e4]) {
          for (const accumulate of [false, true]) {
            expectAgreement(subject, tolerance, (backend, scope) => {
              const input = scope.track(randomTensor(backend, [rows, features + 2], dtype, 1, scale)).columns(1, features + 1);
              const weight = scope.track(randomTensor(backend, [features], dtype, 2));
              const outputGradient = scope.track(randomTensor(backend, [rows, features], dtype, 3));
              const inputGradient = accumulate
                ? randomTensor(backend, [rows, features], dtype, 4, 1 / scale)
                : poisoned(backend, [rows, features], dtype);
              backend.kernels.run(rmsNormBackward, { input, weight, epsilon: 1e-6, outputGradient, inputGradient, accumulate });
              return inputGradient;
            });
          }
        }
      });

      test("rmsNormBackward in place, and with a residual stream of its own dtype", () => {
        expectAgreement(subject, tolerance, (backend, scope) => {
          const input = scope.track(randomTensor(backend, [9, 130], dtype, 1));
          const weight = scope.track(randomTensor(backend, [130], "f32", 2));
          const stream = scope.track(randomTensor(backend, [9, 130], "f32", 3));
          const gradient = randomTensor(backend, [9, 130], dtype, 4);
          const call = { input, weight, epsilon: 1e-5, outputGradient: gradient };
          backend.kernels.run(rmsNormBackward, { ...call, inputGradient: stream, accumulate: true });
          backend.kernels.run(rmsNormBackward, { ...call, inputGradient: gradient });
          return [stream, gradient];
        });
      });

      test.each([[7, 3, 64], [33, 2, 96], [2, 1, 40], [1, 4, 128]])("headNormBackward and rotary backwards [%i, %i, %i]", (tokens, heads, headDim) => {
        expectAgreement(subject, tolerance * 2, (backend, scope) => {
          const width = heads * headDim;
          // Column ranges of fused projections: rows have gaps.
          const before = scope.track(randomTensor(backend, [tokens, 2 * width], dtype, 5)).columns(width, 2 * width);
          const fused = randomTensor(backend, [tokens, 2 * width], dtype, 6);
          const gradient = fused.columns(0, width).reshape([tokens, heads, headDim]);
          const angles = Array.from({ length: 50 * (headDim / 2) }, (_, i) => i * 0.37);
          const cosine = scope.track(uploadFloats(backend, Float32Array.from(angles, Math.cos), [50, headDim / 2], "f32"));
          const sine = scope.track(uploadFloats(backend, Float32Array.from(angles, Math.sin), [50, headDim / 2], "f32"));
          const positions = scope.track(backend.upload(Int32Array.from({ length: tokens }, (_, i) => (i * 7) % 50), [tokens], "i32"));
          backend.kernels.run(rotary, { heads: gradient, positions, cosine, sine, inverse: true });
          const weight = scope.track(randomTensor(backend, [headDim], "f32", 7));
          backend.kernels.run(headNormBackward, {
            heads: before.reshape([tokens, heads, headDim]), weight, epsilon: 1e-6, outputGradient: gradient, inputGradient: gradient,
          });
          return fused;
        });
      });

      test.each(shapes)("swigluBackward [%i, %i], in place too", (rows, features) => {
        expectAgreement(subject, tolerance, (backend, scope) => {
          const fused = randomTensor(backend, [rows, 2 * features], dtype, 8, 9);
          const [gate, up] = [fused.columns(0, features), fused.columns(features, 2 * features)];
          const outputGradient = scope.track(randomTensor(backend, [rows, features], dtype, 9));
          const [gateGradient, upGradient] = [0, 1].map(() => poisoned(backend, [rows, features], dtype));
          const call = { gate, up, activation: "silu", outputGradient } as const;
          backend.kernels.run(gatedActivationBackward, { ...call, gateGradient: gateGradient!, upGradient: upGradient! });
          backend.kernels.run(gatedActivationBackward, { ...call, gateGradient: gate, upGradient: up });
          return [gateGradient!, upGradient!, fused];
        });
      });

      test("swigluBackward far outside, where a sigmoid is 0 or 1", () => {
        expectAgreement(subject, tolerance, (backend, scope) => {
          const gate = scope.track(uploadFloats(backend, Float32Array.of(-1e4, -200, -90, -1, 0, 1, 90, 200, 1e4), [1, 9], dtype));
          const up = scope.track(randomTensor(backend, [1, 9], dtype, 10));
          const outputGradient = scope.track(randomTensor(backend, [1, 9], dtype, 11));
          const [gateGradient, upGradient] = [0, 1].map(() => poisoned(backend, [1, 9], dtype));
          backend.kernels.run(gatedActivationBackward, { gate, up, activation: "silu", outputGradient, gateGradient: gateGradient!, upGradient: upGradient! });
          return [gateGradient!, upGradient!];
        });
      });

      test.each([[1, 1], [3, 17], [6, 1000], [2, 9000]])("crossEntropy [%i, %i]", (rows, vocabulary) => {
        for (const scale of [1, 60, 6e4]) {
          expectAgreement(subject, tolerance, (backend, scope) => {
            const logits = randomTensor(backend, [rows, vocabulary], dtype, 12, scale);
            // Every third row is left out.
            const classes = Int32Array.from({ length: rows }, (_, row) => (row % 3 === 1 ? -1 - row : (row * 7919) % vocabulary));
            const targets = scope.track(backend.upload(classes, [rows], "i32"));
            const [losses, alone] = [0, 1].map(() => poisoned(backend, [rows], "f32"));
            const logitsGradient = poisoned(backend, [rows, vocabulary], dtype);
            backend.kernels.run(crossEntropy, { logits, targets, losses: alone! });
            backend.kernels.run(crossEntropy, { logits, targets, losses: losses!, logitsGradient, gradientScale: 0.125 });
            backend.kernels.run(crossEntropy, { logits, targets, losses: alone!, logitsGradient: logits, gradientScale: 0.125 });
            return [losses!, alone!, logitsGradient, logits];
          });
        }
      });
    });

    test("crossEntropy: a gradient in another dtype than the logits, rows with gaps", () => {
      expectAgreement(subject, gradientTolerances.bf16, (backend, scope) => {
        const logits = scope.track(randomTensor(backend, [4, 105], "bf16", 13, 5)).columns(3, 103);
        const targets = scope.track(backend.upload(Int32Array.of(0, 99, -5, 50), [4], "i32"));
        const losses = poisoned(backend, [4], "f32");
        const wide = poisoned(backend, [4, 107], "f32");
        backend.kernels.run(crossEntropy, { logits, targets, losses, logitsGradient: wide.columns(2, 102) });
        return [losses, wide];
      });
    });
  });
}

/** What a backend that knows the targets before it computes says to one outside of the vocabulary. */
export function testTargetsOutside(subject: BackendUnderTest): void {
  test(`crossEntropy of ${subject.name} refuses a target outside of the vocabulary`, () => {
    using backend = subject.create();
    using logits = randomTensor(backend, [2, 5], "f32", 1);
    using losses = poisoned(backend, [2], "f32");
    using targets = backend.upload(Int32Array.of(0, 5), [2], "i32");
    expect(() => backend.kernels.run(crossEntropy, { logits, targets, losses })).toThrow(ShapeError);
  });
}
