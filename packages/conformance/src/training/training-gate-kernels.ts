import { MemoryScope, ShapeError } from "@elastic-attention/core";
import { cacheGather, gateGradient, gateMix, SequenceCache } from "@elastic-attention/attention";
import { type RouterLinear, type RouterPooling, routerLogitsBackward, type RouterWeights } from "@elastic-attention/router";
import type { Backend, Tensor } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import { expectAgreement, sameBits } from "../agreement.js";
import type { BackendUnderTest } from "../backend-under-test.js";
import { poisoned, randomTensor, gradientTolerances, uploadFloats } from "../random-tensors.js";
import { randomRouterWeights } from "../kernels/router-kernels.js";

/** Sequences of one row, of none, and with rows before and behind them that belong to nobody. */
const offsets = [2, 3, 3, 70, 231];
const rows = 240;

/** The gates and what lies around them against the reference backend. */
export function describeTrainingGateKernels(subject: BackendUnderTest): void {
  describe(`gates of ${subject.name}`, () => {
    describe.each(subject.dtypes)("in %s", (dtype) => {
      test.each([[4, 2, 64], [6, 6, 40], [8, 1, 1]])("gateMix and gateGradient, %i query heads, %i gates, width %i", (heads, gates, width) => {
        expectAgreement(subject, gradientTolerances[dtype], (backend, scope) => {
          const random = (seed: number, scale = 1) => randomTensor(backend, [rows, heads, width], dtype, seed, scale);
          const [fullOutput, sparseOutput, outputGradient] = [random(1), random(2), random(3)].map((tensor) => scope.track(tensor));
          const values = Float32Array.from({ length: 4 * gates }, (_, i) => [1, 0, 0.3, 0.75][i % 4]!);
          const gate = scope.track(uploadFloats(backend, values, [4, gates], "f32"));
          const gradient = poisoned(backend, [4, gates], "f32");
          backend.kernels.run(gateGradient, {
            outputGradient: outputGradient!, fullOutput: fullOutput!, sparseOutput: sparseOutput!, offsets, gateGradient: gradient,
          });
          const output = random(4);
          backend.kernels.run(gateMix, { fullOutput: fullOutput!, sparseOutput: sparseOutput!, gates: gate, offsets, output });
          const inPlace = random(1);
          backend.kernels.run(gateMix, { fullOutput: inPlace, sparseOutput: sparseOutput!, gates: gate, offsets, output: inPlace });
          return [gradient, output, inPlace];
        });
      });

      test("a whole gate hides the other side, whatever it holds", () => {
        using backend = subject.create();
        using fullOutput = poisoned(backend, [3, 2, 8], dtype);
        using sparseOutput = randomTensor(backend, [3, 2, 8], dtype, 1);
        using gates = uploadFloats(backend, Float32Array.of(0), [1, 1], "f32");
        backend.kernels.run(gateMix, { fullOutput, sparseOutput, gates, offsets: [0, 3], output: fullOutput });
        expect(sameBits(fullOutput.download(), sparseOutput.download())).toBe(true);
      });

      test("cacheGather gives back what cacheAppend wrote, from rings too", () => {
        using backend = subject.create();
        using scope = new MemoryScope();
        const cache = scope.track(new SequenceCache({ backend, numLayers: 1, numKeyValueHeads: 3, headDim: 40, dtype, reserveTokens: 9 }));
        const append = (tokens: number, seed: number) => {
          const [keys, values] = [seed, seed + 1].map((s) => scope.track(randomTensor(backend, [tokens, 3, 40], dtype, s)));
          cache.append(0, keys!, values!);
          return { keys: keys!, values: values! };
        };
        append(130, 1);
        const ring = { kind: "streaming", sinkTokens: 16, localTokens: 32, blockSize: 16 } as const;
        cache.settle(0, [{ kind: "full" }, ring, ring]);
        const last = append(20, 3);
        const [keys, values] = [0, 1].map(() => scope.track(poisoned(backend, [20, 3, 40], dtype)));
        backend.kernels.run(cacheGather, { cache: cache.layer(0), keys: keys!, values: values! });
        expect(sameBits(keys!.download(), last.keys.download())).toBe(true);
        expect(sameBits(values!.download(), last.values.download())).toBe(true);
        const tooMany = scope.track(poisoned(backend, [100, 3, 40], dtype));
        expect(() => backend.kernels.run(cacheGather, { cache: cache.layer(0), keys: tooMany })).toThrow(ShapeError);
        const more = scope.track(poisoned(backend, [151, 3, 40], dtype));
        expect(() => backend.kernels.run(cacheGather, { cache: cache.layer(0), keys: more })).toThrow(ShapeError);
      });
    });

    const poolings: readonly RouterPooling[] = [
      { kind: "mean" },
      { kind: "boundary", tokens: 100 },
      { kind: "ranges", ranges: [[[0, 3], [1, 5]], [[10, 20], [140, 150], [12, 30]], [[399, 400]]] },
    ];
    test.each(poolings)("routerLogitsBackward, pooling $kind", (pooling) => {
      for (const dtype of subject.dtypes) {
        for (const [headDim, width, decides] of [[16, 24, "heads"], [64, 256, "heads"], [20, 7, "heads"], [32, 128, "layer"]] as const) {
          const shape = { pooling, headDim, width, decides };
          expectAgreement(subject, 2 * gradientTolerances[dtype], (backend, scope) => backward(backend, scope, dtype, shape).slice(0, 1));
          // What stays in float32 whatever the keys are.
          expectAgreement(subject, gradientTolerances.f32, (backend, scope) => backward(backend, scope, dtype, shape).slice(1));
        }
      }
    });
  });
}

/** Gradients of the keys, then of every weight and bias, of three sequences; added to what was there. */
function backward(
  backend: Backend,
  scope: MemoryScope,
  dtype: "f32" | "bf16" | "f16",
  { pooling, headDim, width, decides }: { pooling: RouterPooling; headDim: number; width: number; decides: RouterWeights["decides"] },
): Tensor[] {
  const weights = randomRouterWeights(backend, headDim, width, scope, 60, decides);
  let seed = 80;
  const like = ({ weight, bias }: RouterLinear): RouterLinear => ({
    weight: scope.track(randomTensor(backend, weight.shape, "f32", seed++, 0.1)),
    bias: scope.track(randomTensor(backend, bias.shape, "f32", seed++, 0.1)),
  });
  const [taskMlp, routerMlp] = [weights.taskMlp.map(like), weights.routerMlp.map(like)];
  const keys = scope.track(randomTensor(backend, [400, 3 * headDim + 5], dtype, 50)).columns(2, 3 * headDim + 2);
  const keysGradient = scope.track(randomTensor(backend, [400, 3, headDim], dtype, 51, 1e-3));
  const logitsGradient = scope.track(randomTensor(backend, [3, 3, 2], "f32", 52));
  backend.kernels.run(routerLogitsBackward, {
    keys: keys.reshape([400, 3, headDim]),
    offsets: [0, 7, 150, 400],
    weights,
    pooling,
    logitsGradient,
    weightGradients: { taskMlp, routerMlp } as unknown as Pick<RouterWeights, "taskMlp" | "routerMlp">,
    keysGradient,
  });
  return [keysGradient, ...[...taskMlp, ...routerMlp].flatMap(({ weight, bias }) => [weight, bias])];
}
