import { activateBackward, activations, gatedActivationBackward, layerNormBackward, scaleBackward } from "@elastic-attention/tensor";
import { describe, test } from "vitest";
import { expectAgreement } from "../agreement.js";
import type { BackendUnderTest } from "../backend-under-test.js";
import { gateActivations } from "../kernels/family-kernels.js";
import { gradientTolerances, poisoned, randomTensor, uploadFloats } from "../random-tensors.js";

const shapes = [[1, 3], [1, 31], [3, 64], [70, 257], [5, 4096]] as const;

/** Gradients of what single families of models need, against the reference backend. */
export function describeTrainingFamilyKernels(subject: BackendUnderTest): void {
  describe(`gradients of the kernels of model families of ${subject.name}`, () => {
    describe.each(subject.dtypes)("in %s", (dtype) => {
      const tolerance = gradientTolerances[dtype];

      test.each(shapes)("layerNormBackward [%i, %i], in place and into a residual stream too", (rows, features) => {
        for (const magnitude of [1, 1e3]) {
          expectAgreement(subject, tolerance * 2, (backend, scope) => {
            const input = scope.track(randomTensor(backend, [rows, features + 2], dtype, 1, magnitude)).columns(1, features + 1);
            const weight = scope.track(randomTensor(backend, [features], dtype, 2));
            const outputGradient = randomTensor(backend, [rows, features], dtype, 3);
            const stream = randomTensor(backend, [rows, features], "f32", 4, 1 / magnitude);
            const inputGradient = poisoned(backend, [rows, features], dtype);
            const call = { input, weight, epsilon: 1e-5, outputGradient };
            backend.kernels.run(layerNormBackward, { ...call, inputGradient });
            backend.kernels.run(layerNormBackward, { ...call, inputGradient: stream, accumulate: true });
            backend.kernels.run(layerNormBackward, { ...call, inputGradient: outputGradient });
            return [inputGradient, stream, outputGradient];
          });
        }
      });

      test.each(gateActivations)("gatedActivationBackward by %o, in place too", (activation) => {
        for (const [rows, features] of shapes) {
          expectAgreement(subject, tolerance, (backend, scope) => {
            const fused = randomTensor(backend, [rows, 2 * features], dtype, 8, 9);
            const [gate, up] = [fused.columns(0, features), fused.columns(features, 2 * features)];
            const outputGradient = scope.track(randomTensor(backend, [rows, features], dtype, 9));
            const [gateGradient, upGradient] = [poisoned(backend, [rows, features], dtype), poisoned(backend, [rows, features], dtype)];
            const call = { gate, up, activation, outputGradient };
            backend.kernels.run(gatedActivationBackward, { ...call, gateGradient, upGradient });
            backend.kernels.run(gatedActivationBackward, { ...call, gateGradient: gate, upGradient: up });
            return [gateGradient, upGradient, fused];
          });
        }
      });

      test.each(activations)("activateBackward of %s, far outside too", (activation) => {
        expectAgreement(subject, tolerance, (backend, scope) => {
          const input = scope.track(randomTensor(backend, [3, 130], dtype, 7, 6));
          const far = scope.track(uploadFloats(backend, Float32Array.of(-1e4, -200, -30, -6, -1e-3, 0, 1e-3, 6, 1e4), [1, 9], dtype));
          const [outputGradient, ends] = [randomTensor(backend, [3, 130], dtype, 10), randomTensor(backend, [1, 9], dtype, 11)];
          const inputGradient = poisoned(backend, [3, 130], dtype);
          backend.kernels.run(activateBackward, { input, activation, outputGradient, inputGradient });
          backend.kernels.run(activateBackward, { input, activation, outputGradient, inputGradient: outputGradient });
          backend.kernels.run(activateBackward, { input: far, activation, outputGradient: ends, inputGradient: ends });
          return [inputGradient, outputGradient, ends];
        });
      });

      test.each(shapes)("scaleBackward [%i, %i]", (rows, features) => {
        expectAgreement(subject, tolerance, (backend, scope) => {
          const input = scope.track(randomTensor(backend, [rows, features], dtype, 12, 90));
          const outputGradient = scope.track(randomTensor(backend, [rows, features], dtype, 13));
          const inputGradient = poisoned(backend, [rows, features], "f32");
          backend.kernels.run(scaleBackward, { input, factor: 0.5, softCap: 30, outputGradient, inputGradient });
          return inputGradient;
        });
      });
    });
  });
}
