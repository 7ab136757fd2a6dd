import { combineRowsBackward, expertLinearInputGradient, routeExperts, routeExpertsBackward } from "@elastic-attention/tensor";
import { describe, test } from "vitest";
import { expectAgreement } from "../agreement.js";
import type { BackendUnderTest } from "../backend-under-test.js";
import { expertCases, expertGroups, expertWeight } from "../kernels/linear/expert-kernels.js";
import { gradientTolerances, poisoned, randomTensor } from "../random-tensors.js";

/** Gradients of layers of experts against the reference backend. */
export function describeTrainingExpertKernels(subject: BackendUnderTest): void {
  describe(`gradients of expert kernels of ${subject.name}`, () => {
    test.each([[1, 4, 2], [70, 8, 2], [5, 128, 8], [3, 33, 33], [2, 1024, 10]])("routeExpertsBackward [%i, %i], %i chosen", (rows, experts, choices) => {
      for (const normalized of [true, false]) {
        expectAgreement(subject, gradientTolerances.f32, (backend, scope) => {
          const logits = scope.track(randomTensor(backend, [rows, experts], "f32", 5, 4));
          const chosen = scope.track(backend.allocate([rows, choices], "i32"));
          const weights = scope.track(poisoned(backend, [rows, choices], "f32"));
          backend.kernels.run(routeExperts, { logits, normalized, chosen, weights });
          const weightsGradient = scope.track(randomTensor(backend, [rows, choices], "f32", 6));
          const logitsGradient = poisoned(backend, [rows, experts], "f32");
          backend.kernels.run(routeExpertsBackward, { logits, normalized, chosen, weightsGradient, logitsGradient });
          return logitsGradient;
        });
      }
    });

    describe.each(subject.dtypes)("in %s", (dtype) => {
      const tolerance = gradientTolerances[dtype];

      test.each(expertCases)("combineRowsBackward: $title", (shape) => {
        for (const features of [1, 40, 257]) {
          expectAgreement(subject, tolerance * 2, (backend, scope) => {
            const { rows, choices } = shape;
            const groups = expertGroups(backend, scope, shape);
            const input = randomTensor(backend, [rows * choices, features], dtype, 11);
            const weights = scope.track(randomTensor(backend, [rows, choices], "f32", 12));
            const outputGradient = scope.track(randomTensor(backend, [rows, features + 1], dtype, 13)).columns(1, features + 1);
            const [plain, inputGradient] = [poisoned(backend, input.shape, dtype), poisoned(backend, input.shape, dtype)];
            const [weightsGradient, inPlace] = [poisoned(backend, [rows, choices], "f32"), poisoned(backend, [rows, choices], "f32")];
            const call = { input, groups, outputGradient };
            backend.kernels.run(combineRowsBackward, { ...call, inputGradient: plain });
            backend.kernels.run(combineRowsBackward, { ...call, weights, inputGradient, weightsGradient });
            backend.kernels.run(combineRowsBackward, { ...call, weights, inputGradient: input, weightsGradient: inPlace });
            return [plain, inputGradient, weightsGradient, input, inPlace];
          });
        }
      });

      test.each(expertCases)("expertLinearInputGradient: $title", (shape) => {
        for (const size of [[40, 24], [7, 33], [160, 128]] as const) {
          if (shape.experts > 16 && size[0] > 100) continue;
          expectAgreement(subject, tolerance * 2, (backend, scope) => {
            const groups = expertGroups(backend, scope, shape);
            const weight = expertWeight(backend, scope, shape.experts, size, dtype);
            const slots = shape.rows * shape.choices;
            const outputGradient = scope.track(randomTensor(backend, [slots, size[0] + 1], dtype, 14)).columns(1, size[0] + 1);
            const inputGradient = poisoned(backend, [slots, size[1]], dtype);
            backend.kernels.run(expertLinearInputGradient, { outputGradient, offsets: groups.offsets, weight, inputGradient });
            return inputGradient;
          });
        }
      });
    });
  });
}
