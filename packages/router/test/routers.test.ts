import { HeadListError, InvalidModeError, ShapeError } from "@elastic-attention/core";
import type { AttentionMode } from "@elastic-attention/attention";
import { fromBFloat16, ReferenceBackend, type Tensor, toBFloat16 } from "@elastic-attention/tensor";
import { describe, expect, test } from "vitest";
import {
  bestHeads,
  ConstantRouter,
  layerQuotas,
  LearnedRouter,
  parseHeadList,
  pooledRanges,
  randomHeadList,
  type RouterInput,
  type RouterLinear,
  type RouterWeights,
  type ScoringRouter,
  SparsityDial,
  StaticRouter,
} from "../src/index.js";

const full: AttentionMode = { kind: "full" };
const streaming: AttentionMode = { kind: "streaming", sinkTokens: 4, localTokens: 8, blockSize: 4 };
const backend = new ReferenceBackend();

function keysOf(tokens: number, heads: number, headDim: number): Tensor {
  return backend.upload(Float32Array.from({ length: tokens * heads * headDim }, (_, i) => Math.sin(i * 1.3)), [tokens, heads, headDim], "f32");
}

function assignment(router: { route(input: RouterInput): { waitForAssignment(): Uint8Array } & Disposable }, input: RouterInput): number[] {
  using plan = router.route(input);
  return Array.from(plan.waitForAssignment());
}

describe("the static router", () => {
  const list = { version: 1, description: "", scores: [[0.9, 0.1], [0.2, 0.8], [0.3, 0.3]], sparsity: 0.5 } as const;

  test("keeps the best heads over all layers, floor((1 - MSR) · heads) of them", () => {
    expect(bestHeads(list.scores, 0.5).map((row) => Array.from(row))).toEqual([[0, 1], [1, 0], [0, 1]]);
    for (const [sparsity, kept] of [[0, 6], [0.01, 5], [0.5, 3], [0.99, 0], [1, 0]] as const) {
      expect(bestHeads(list.scores, sparsity).flatMap((row) => Array.from(row)).filter((mode) => mode === 0)).toHaveLength(kept);
    }
  });

  test("gives every sequence the same row and a score whose sign is the decision", () => {
    using keys = keysOf(5, 2, 4);
    const router = new StaticRouter({ list, retrievalMode: full, sparseMode: streaming });
    const input = { backend, layer: 1, keys, offsets: [0, 2, 5] };
    expect(assignment(router, input)).toEqual([1, 0, 1, 0]);
    expect(Array.from(router.score(input), (score) => (score > 0 ? 0 : 1))).toEqual([1, 0, 1, 0]);
  });

  test("refuses models of another shape", () => {
    using keys = keysOf(5, 3, 4);
    const router = new StaticRouter({ list, retrievalMode: full, sparseMode: streaming });
    expect(() => router.route({ backend, layer: 0, keys, offsets: [0, 5] })).toThrow(HeadListError);
    expect(() => new StaticRouter({ list, retrievalMode: full, sparseMode: streaming, sparsity: 1.2 })).toThrow(ShapeError);
  });
});

test("random head lists are drawn from their seed, every head on its own", () => {
  const drawn = (seed: number) => randomHeadList({ numLayers: 2, numKeyValueHeads: 4, sparsity: 0.25, seed });
  expect(drawn(1)).toEqual(drawn(1));
  expect(drawn(1).scores).not.toEqual(drawn(2).scores);
  expect(new Set(drawn(1).scores.flat()).size).toBe(8);
  expect(parseHeadList(JSON.parse(JSON.stringify(drawn(1)))).sparsity).toBe(0.25);
});

describe("head lists from outside", () => {
  const good = { version: 1, description: "x", scores: [[1, 2]], sparsity: 0.5 };
  test("that fit are taken", () => expect(parseHeadList(good)).toEqual(good));
  test.each([
    null,
    [],
    { ...good, version: 2 },
    { ...good, sparsity: 1.5 },
    { ...good, sparsity: "0.5" },
    { ...good, scores: [] },
    { ...good, scores: [[1], [1, 2]] },
    { ...good, scores: [[1, null]] },
    { ...good, scores: [[1, NaN]] },
    { ...good, scores: "none" },
  ])("that do not are refused (%j)", (value) => expect(() => parseHeadList(value)).toThrow(HeadListError));
});

describe("the sparsity dial", () => {
  /** Scores that favour different heads in every layer. */
  const scoring: ScoringRouter = {
    name: "test",
    modes: [full, streaming],
    route: () => {
      throw new Error("the dial routes");
    },
    score: ({ layer, keys, offsets }) =>
      Float32Array.from({ length: keys.shape[1]! * (offsets.length - 1) }, (_, i) => Math.sin(10 * layer + 3 * i)),
    [Symbol.dispose]: () => {},
  };

  test("meets every target to within half a head, whatever the scores", () => {
    using keys = keysOf(3, 4, 2);
    for (let heads = 0; heads <= 20; heads++) {
      const target = heads / 20;
      const dial = new SparsityDial({ router: scoring, target, numLayers: 5 });
      let sparse = 0;
      for (let layer = 0; layer < 5; layer++) sparse += assignment(dial, { backend, layer, keys, offsets: [0, 3] }).reduce((a, b) => a + b, 0);
      expect(Math.abs(sparse - target * 20)).toBeLessThanOrEqual(0.5);
    }
  });

  test("takes the heads with the lowest scores", () => {
    using keys = keysOf(3, 4, 2);
    const input = { backend, layer: 2, keys, offsets: [0, 3] };
    const scores = Array.from(scoring.score(input));
    const row = assignment(new SparsityDial({ router: scoring, target: 0.5, numLayers: 5 }), input);
    const lowestKept = Math.min(...scores.filter((_, head) => row[head] === 0));
    expect(scores.filter((_, head) => row[head] === 1).every((score) => score <= lowestKept)).toBe(true);
  });

  test("shares the sparse heads out as evenly as whole heads allow", () => {
    expect(layerQuotas({ target: 0.5, numLayers: 4 }, 4)).toEqual([2, 2, 2, 2]);
    expect(layerQuotas({ target: 0.3, numLayers: 5 }, 2)).toEqual([1, 0, 1, 0, 1]);
    expect(layerQuotas({ target: 1, numLayers: 3 }, 2)).toEqual([2, 2, 2]);
    expect(() => new SparsityDial({ router: scoring, target: -0.1, numLayers: 4 })).toThrow(ShapeError);
  });
});

describe("the learned router", () => {
  /** Every layer passes its first input on: logits are [0, lead + pooled mean of element 0 after the activations]. */
  function weights(lead: number): RouterWeights {
    const linear = (outputs: number, inputs: number, bias = 0): RouterLinear => ({
      weight: backend.upload(new Float32Array(outputs * inputs), [outputs, inputs], "f32"),
      bias: backend.upload(Float32Array.from({ length: outputs }, (_, i) => (i === 1 ? bias : 0)), [outputs], "f32"),
    });
    const layers = [linear(4, 2), linear(2, 4), linear(4, 2), linear(2, 4), linear(2, 2, lead)] as const;
    return {
      headDim: 2,
      decides: "heads",
      classes: 2,
      parameters: 0,
      taskMlp: [layers[0], layers[1]],
      routerMlp: [layers[2], layers[3], layers[4]],
      [Symbol.dispose]: () => layers.forEach(({ weight, bias }) => [weight, bias].forEach((tensor) => tensor.dispose())),
    };
  }
  const decide = (lead: number, tieRule: "float32" | "bfloat16"): number[] => {
    using keys = keysOf(7, 2, 2);
    using layer = weights(lead);
    const router = new LearnedRouter({ layers: [layer], retrievalMode: full, sparseMode: streaming, tieRule });
    return assignment(router, { backend, layer: 0, keys, offsets: [0, 7] });
  };

  test("sends a head to the retrieval mode when class 1 leads; ties are sparse", () => {
    expect(decide(0.5, "float32")).toEqual([0, 0]);
    expect(decide(-0.5, "float32")).toEqual([1, 1]);
    expect(decide(0, "float32")).toEqual([1, 1]);
    expect(decide(0.001, "float32")).toEqual([0, 0]);
  });

  test("and the dial over it ask for their scores at once and read them when the plan is asked", () => {
    using layer = weights(0.5);
    const router = new LearnedRouter({ layers: [layer], retrievalMode: full, sparseMode: streaming });
    const dial = new SparsityDial({ router, target: 0.5, numLayers: 1 });
    for (const [routing, expected, held] of [[router, [0, 0, 0, 0], 3], [dial, [1, 0, 1, 0], 1]] as const) {
      const keys = keysOf(7, 2, 2);
      const before = backend.memory().liveAllocations;
      using plan = routing.route({ backend, layer: 0, keys, offsets: [0, 3, 7] });
      expect(backend.memory().liveAllocations).toBe(before + held);
      // By then they have been rotated, or belong to others.
      keys.dispose();
      expect(Array.from(plan.waitForAssignment())).toEqual(expected);
      // Logits and assignment stay as long as the plan, the copy does not.
      expect(backend.memory().liveAllocations).toBe(before - 1 + held - 1);
      plan.dispose();
      expect(backend.memory().liveAllocations).toBe(before - 1);
    }
  });

  test("leaves nothing when its plan cannot be made", () => {
    using layer = weights(0.5);
    const router = new LearnedRouter({ layers: [layer], retrievalMode: full, sparseMode: { ...streaming, sinkTokens: -1 } as AttentionMode });
    using keys = keysOf(7, 2, 2);
    const { liveAllocations } = backend.memory();
    const input = { backend, layer: 0, keys, offsets: [0, 7] };
    expect(() => router.route(input)).toThrow(InvalidModeError);
    expect(() => new SparsityDial({ router, target: 0.5, numLayers: 1 }).route(input)).toThrow(InvalidModeError);
    expect(backend.memory().liveAllocations).toBe(liveAllocations);
  });

  test("leaves the weights to their owner when it is disposed: other routers share them", () => {
    using keys = keysOf(7, 2, 2);
    using layer = weights(0.5);
    const [one, other] = [full, streaming].map((sparseMode) => new LearnedRouter({ layers: [layer], retrievalMode: full, sparseMode }));
    one![Symbol.dispose]();
    expect(assignment(other!, { backend, layer: 0, keys, offsets: [0, 7] })).toEqual([0, 0]);
  });

  test("rounds a small lead away under the published bf16 rule", () => {
    expect(decide(0.001, "bfloat16")).toEqual([1, 1]);
    expect(decide(0.01, "bfloat16")).toEqual([0, 0]);
  });

  test("decides by that rule as the probabilities do once they are rounded", () => {
    const bfloat16 = (value: number) => fromBFloat16(toBFloat16(value));
    for (let lead = -0.01; lead < 0.01; lead += 0.000173) {
      // Rounded weights give the lead in bf16 already.
      const rounded = bfloat16(lead);
      const [retrieval, sparse] = [bfloat16(1 / (1 + Math.exp(-rounded))), bfloat16(1 / (1 + Math.exp(rounded)))];
      expect(decide(rounded, "bfloat16")).toEqual(retrieval > sparse ? [0, 0] : [1, 1]);
    }
  });

  test("pools the first and the last tokens; short prompts count twice", () => {
    expect(pooledRanges({ kind: "boundary", tokens: 100 }, 0, 1000)).toEqual([[0, 100], [900, 1000]]);
    expect(pooledRanges({ kind: "boundary", tokens: 100 }, 10, 60)).toEqual([[10, 60], [10, 60]]);
    expect(pooledRanges({ kind: "mean" }, 5, 9)).toEqual([[5, 9]]);
  });
});

test("the constant router sends everything to one mode, counted against the retrieval mode", () => {
  using keys = keysOf(3, 2, 2);
  const input = { backend, layer: 0, keys, offsets: [0, 1, 3] };
  expect(assignment(new ConstantRouter(full), input)).toEqual([0, 0, 0, 0]);
  expect(assignment(new ConstantRouter(streaming, full), input)).toEqual([1, 1, 1, 1]);
});
