import { MemoryScope } from "@elastic-attention/core";
import {
  type AttentionMode,
  decodeAttention,
  DecodeBatch,
  decodePlanBytes,
  PagePool,
  planDecode,
  prepareDecode,
  SequenceCache,
} from "@elastic-attention/attention";
import { type Backend, type FloatDType, type Graph, ReferenceBackend } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../../backend-under-test.js";
import { relativeError, tolerances } from "../../random-tensors.js";
import { wholeNumbers } from "./page-kernels.js";

interface Shape {
  readonly headDim: number;
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly pageTokens: number;
  readonly budget: number;
}

const shapes: readonly Shape[] = [
  { headDim: 128, queryHeads: 8, kvHeads: 2, pageTokens: 16, budget: 112 },
  { headDim: 64, queryHeads: 3, kvHeads: 3, pageTokens: 32, budget: 0.25 },
  { headDim: 96, queryHeads: 4, kvHeads: 2, pageTokens: 64, budget: 128 },
];
const lengths = [30, 127, 128, 700, 2000];
const numLayers = 2;

/**
 * Steps of batches whose sequences change places, some heads choosing pages; every output row. Whole numbers that are not
 * turned, so that every device chooses the same pages.
 */
function steps(backend: Backend, { headDim, queryHeads, kvHeads, pageTokens, budget }: Shape, dtype: FloatDType, captured: boolean): Float32Array {
  using scope = new MemoryScope();
  const pool = scope.track(new PagePool({ backend, headDim, dtype }));
  const slots = 6;
  const planBytes = backend.kernels.run(decodePlanBytes, { slots, numLayers, numKeyValueHeads: kvHeads });
  const batch = scope.track(new DecodeBatch({ backend, pool, slots, numLayers, numKeyValueHeads: kvHeads, planBytes }));
  const modes: readonly AttentionMode[] = [
    { kind: "pages", sinkTokens: 20, localTokens: 40, pageTokens, budget },
    { kind: "full" },
    { kind: "streaming", sinkTokens: 128, localTokens: 256, blockSize: 128 },
  ];
  const caches = lengths.map((length, index) => {
    const cache = scope.track(new SequenceCache({ backend, numLayers, numKeyValueHeads: kvHeads, headDim, dtype, pool }));
    for (let layer = 0; layer < numLayers; layer++) {
      using keys = wholeNumbers(backend, [length, kvHeads, headDim], dtype, 10 + index);
      using values = wholeNumbers(backend, [length, kvHeads, headDim], dtype, 20 + index);
      cache.append(layer, keys, values);
      cache.settle(layer, Array.from({ length: kvHeads }, (_, head) => modes[(index + head + layer) % modes.length]!));
    }
    cache.advance(length);
    return cache;
  });
  const width = (queryHeads + 2 * kvHeads) * headDim;
  const fused = scope.track(backend.allocate([slots, width], dtype));
  const output = scope.track(wholeNumbers(backend, [slots, queryHeads, headDim], dtype, 7));
  const query = fused.columns(0, queryHeads * headDim).reshape([slots, queryHeads, headDim]);
  const run = (layer: number) => {
    backend.kernels.run(planDecode, { batch });
    backend.kernels.run(prepareDecode, { batch, layer, queryKeyValue: fused, numQueryHeads: queryHeads, headDim, epsilon: 1e-6, rotation: undefined });
    backend.kernels.run(decodeAttention, { batch, layer, query, output, scale: headDim ** -0.5, choosesPages: true });
  };
  const graphs: (Graph | undefined)[] = [];
  const outputs: number[] = [];
  for (const [step, order] of [[0, 1, 2, 3, 4], [4, 3], [3, 4, 0], [2], [1, 0, 2, 4, 3]].entries()) {
    const chosen = order.map((index) => caches[index]!);
    batch.update(chosen.map((cache, index) => ({ tokens: [order[index]!], cache })));
    for (let layer = 0; layer < numLayers; layer++) {
      using source = wholeNumbers(backend, [slots, width], dtype, 100 + 10 * step + layer);
      backend.write(fused, source.download());
      if (captured && step > 0) {
        const graph = (graphs[layer] ??= scope.track(backend.capture!(() => run(layer))));
        graph.replay();
      } else {
        run(layer);
      }
      for (const value of output.rows(0, order.length).toFloat32()) outputs.push(value);
    }
    for (const cache of chosen) cache.countWritten(1);
  }
  return Float32Array.from(outputs);
}

/** Decode steps in which heads choose pages, captured and not: for backends that choose them in a captured step. */
export function describePageSteps(subject: BackendUnderTest): void {
  describe(`decode steps by pages of ${subject.name}`, () => {
    test.each(shapes)("head_dim $headDim, $queryHeads/$kvHeads heads, pages of $pageTokens, budget $budget", (shape) => {
      for (const dtype of ["bf16", "f16"] as const) {
        if (!subject.dtypes.includes(dtype)) continue;
        const expected = steps(new ReferenceBackend(), shape, dtype, false);
        for (const captured of [false, true]) {
          using backend = subject.create();
          // A weight and a result are rounded once each.
          expect(relativeError(steps(backend, shape, dtype, captured), expected)).toBeLessThan(2 * tolerances[dtype]);
          expect(backend.memory().liveAllocations).toBe(0);
        }
      }
    });
  });
}
