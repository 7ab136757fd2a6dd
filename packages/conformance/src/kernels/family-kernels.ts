import {
  activate,
  activations,
  add,
  embedding,
  gatedActivation,
  type GateActivation,
  layerNorm,
  rotary,
  scale,
} from "@elastic-attention/tensor";
import { describe, test } from "vitest";
import { expectAgreement } from "../agreement.js";
import type { BackendUnderTest } from "../backend-under-test.js";
import { poisoned, randomTensor, tolerances, uploadFloats } from "../random-tensors.js";

const shapes = [[1, 1], [1, 31], [3, 64], [70, 257], [5, 4096]] as const;

/** Gates of all kinds; the limit of the clamped one lies inside of what the operands are. */
export const gateActivations: readonly GateActivation[] = [...activations, { kind: "clampedSwiglu", alpha: 1.3, limit: 2.5 }];

/** Cosine and sine of 50 positions. */
export function rotaryAngles(half: number): Float32Array {
  return Float32Array.from({ length: 50 * half }, (_, i) => i * 0.37);
}

/** What single families of models need: LayerNorm, other activations, other rotations, multipliers and soft caps. */
export function describeFamilyKernels(subject: BackendUnderTest): void {
  describe(`kernels of model families of ${subject.name}`, () => {
    describe.each(subject.dtypes)("in %s", (dtype) => {
      const tolerance = tolerances[dtype];

      test.each(shapes)("layerNorm [%i, %i], with and without a bias, far from zero", (rows, features) => {
        for (const [magnitude, center] of [[1, 0], [1e3, 0], [1, 40]] as const) {
          expectAgreement(subject, tolerance * (center === 0 ? 1 : 8), (backend, scope) => {
            const input = scope.track(randomTensor(backend, [rows, features + 2], dtype, 1, magnitude)).columns(1, features + 1);
            const weight = scope.track(randomTensor(backend, [features], dtype, 2));
            const bias = scope.track(randomTensor(backend, [features], "f32", 3));
            const shift = scope.track(uploadFloats(backend, new Float32Array(rows * features).fill(center), [rows, features], dtype));
            const [plain, biased] = [poisoned(backend, [rows, features], dtype), poisoned(backend, [rows, features], dtype)];
            backend.kernels.run(add, { a: input, b: shift, output: input });
            backend.kernels.run(layerNorm, { input, weight, epsilon: 1e-5, output: plain });
            backend.kernels.run(layerNorm, { input, weight, bias, epsilon: 1e-5, output: biased });
            return [plain, biased];
          });
        }
      });

      test.each(gateActivations)("gatedActivation by %o, in place too", (activation) => {
        for (const [rows, features] of shapes) {
          expectAgreement(subject, tolerance, (backend, scope) => {
            const fused = randomTensor(backend, [rows, 2 * features], dtype, 6, 8);
            const [gate, up] = [fused.columns(0, features), fused.columns(features, 2 * features)];
            const output = scope.track(poisoned(backend, [rows, features], dtype));
            backend.kernels.run(gatedActivation, { gate, up, activation, output });
            const copy = poisoned(backend, [rows, features], dtype);
            backend.kernels.run(add, { a: output, b: up, output: copy });
            backend.kernels.run(gatedActivation, { gate, up, activation, output: gate });
            return [copy, fused];
          });
        }
      });

      test.each(activations)("%s without a gate, far outside too", (activation) => {
        expectAgreement(subject, tolerance, (backend, scope) => {
          const input = scope.track(randomTensor(backend, [3, 130], dtype, 7, 6));
          const far = scope.track(uploadFloats(backend, Float32Array.of(-1e4, -200, -30, -6, -1e-3, 0, 1e-3, 6, 30), [1, 9], dtype));
          const [output, ends] = [poisoned(backend, [3, 130], dtype), poisoned(backend, [1, 9], dtype)];
          backend.kernels.run(activate, { input, activation, output });
          backend.kernels.run(activate, { input: far, activation, output: ends });
          return [output, ends];
        });
      });

      const rotations = (["halves", "neighbours"] as const).flatMap((pairs) =>
        ([[7, 3, 64, 32], [33, 2, 96, 24], [2, 1, 40, 5], [1, 4, 128, 32], [5, 2, 7, 2]] as const).map((shape) => [pairs, ...shape] as const),
      );
      test.each(rotations)("rotary of %s, [%i, %i, %i] by tables of %i pairs, leaves what they do not turn", (pairs, tokens, heads, headDim, half) => {
        expectAgreement(subject, tolerance * 2, (backend, scope) => {
          const width = heads * headDim;
          const fused = randomTensor(backend, [tokens, 2 * width], dtype, 4);
          const view = fused.columns(width, 2 * width).reshape([tokens, heads, headDim]);
          const angles = rotaryAngles(half);
          const cosine = scope.track(uploadFloats(backend, angles.map(Math.cos), [50, half], "f32"));
          const sine = scope.track(uploadFloats(backend, angles.map(Math.sin), [50, half], "f32"));
          const positions = scope.track(backend.upload(Int32Array.from({ length: tokens }, (_, i) => (i * 7) % 50), [tokens], "i32"));
          backend.kernels.run(rotary, { heads: view, positions, cosine, sine, pairs });
          const once = poisoned(backend, [tokens, 2 * width], dtype);
          backend.kernels.run(scale, { input: fused, factor: 1, output: once });
          backend.kernels.run(rotary, { heads: view, positions, cosine, sine, pairs, inverse: true });
          return [once, fused];
        });
      });

      test.each(shapes)("scale, with a soft cap too, and add with a multiplier [%i, %i]", (rows, features) => {
        expectAgreement(subject, tolerance, (backend, scope) => {
          const input = scope.track(randomTensor(backend, [rows, features], dtype, 8, 90));
          const [scaled, capped, narrow, sum] = [0, 1, 2, 3].map((index) => poisoned(backend, [rows, features], index === 2 ? "f32" : dtype));
          backend.kernels.run(scale, { input, factor: -0.125, output: scaled! });
          backend.kernels.run(scale, { input, factor: 0.5, softCap: 30, output: capped! });
          backend.kernels.run(scale, { input, factor: 1e-4, softCap: 30, output: narrow! });
          backend.kernels.run(add, { a: capped!, b: scaled!, scale: 0.22, output: sum! });
          return [scaled!, capped!, narrow!, sum!];
        });
      });
    });

    test("embedding multiplies before it rounds", () => {
      expectAgreement(subject, tolerances.bf16, (backend, scope) => {
        const table = scope.track(randomTensor(backend, [11, 33], "bf16", 9));
        const ids = scope.track(backend.upload(Int32Array.of(10, 0, 3, 3), [4], "i32"));
        const [wide, narrow] = [poisoned(backend, [4, 33], "f32"), poisoned(backend, [4, 33], "bf16")];
        backend.kernels.run(embedding, { ids, table, scale: 11.3137, output: wide });
        backend.kernels.run(embedding, { ids, table, scale: 11.3137, output: narrow });
        return [wide, narrow];
      });
    });
  });
}
