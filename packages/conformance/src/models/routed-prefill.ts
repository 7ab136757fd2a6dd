import { MemoryScope } from "@elastic-attention/core";
import { LearnedRouter, type Router, SparsityDial } from "@elastic-attention/router";
import type { Backend, FloatDType } from "@elastic-attention/tensor";
import { DecoderModel, elasticModeSettings } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { sameBits } from "../agreement.js";
import type { BackendUnderTest } from "../backend-under-test.js";
import { randomRouterWeights } from "../kernels/router-kernels.js";
import { tinyModel } from "./tiny-model.js";

const modes = elasticModeSettings({ sinkTokens: 64, localTokens: 128, blockSize: 64, stride: 16, threshold: 0.6 });

/** Prefills whose plans are computed on the backend while it gets other work. */
export function describeRoutedPrefill(subject: BackendUnderTest): void {
  describe(`a prefill that a learned router plans on ${subject.name}`, () => {
    test.each(subject.dtypes)("in %s: the bits of one that waits for each plan at once, alone and in a batch", async (dtype) => {
      await withModel(subject.create(), dtype, async (model, scope) => {
        const [asked, waited] = [(router: Router) => router, waiting].map((form) => routers(model, scope).map(form));
        for (const places of [[0], [1], [0, 0, 1, 0], [1, 0, 1, 1]]) {
          const [actual, expected] = [await prefill(model, places, asked!), await prefill(model, places, waited!)];
          expect(actual.assignment).toEqual(expected.assignment);
          expect(sameBits(actual.logits, expected.logits)).toBe(true);
          for (const [sequence, place] of places.entries()) {
            const sparse = actual.assignment[sequence]!.flat().reduce((sum, mode) => sum + mode, 0);
            // Two layers of two heads, half of them by the dial.
            if (place === 1) expect(sparse).toBe(2);
          }
        }
      });
    });

    test("given up after any slice, leaves nothing behind", async () => {
      await withModel(subject.create(), subject.dtypes.at(-1)!, async (model, scope) => {
        const [router] = routers(model, scope);
        const { backend } = model;
        await prefill(model, [0], [router!]);
        const { liveAllocations } = backend.memory();
        for (let steps = 0, more = true; more; steps++) {
          using cache = model.createCache();
          const started = model.startPrefill({ sequences: [{ tokens: tokens(0), cache, router: router! }] });
          for (let step = 0; step < steps && more; step++) more = started.step();
          if (!more) started.result.logits.dispose();
          started[Symbol.dispose]();
          cache.dispose();
          expect(backend.memory().liveAllocations, `after ${steps} slices`).toBe(liveAllocations);
        }
        expect((await prefill(model, [0], [router!])).logits.every(Number.isFinite)).toBe(true);
      });
    });
  });
}

async function withModel(backend: Backend, dtype: FloatDType, work: (model: DecoderModel, scope: MemoryScope) => Promise<void>): Promise<void> {
  {
    using files = tinyModel();
    using model = await DecoderModel.load(files.options(backend, dtype));
    using scope = new MemoryScope();
    await work(model, scope);
  }
  expect(backend.memory().liveAllocations).toBe(0);
  backend[Symbol.dispose]();
}

/** The learned router by itself, and under the dial. */
function routers({ backend, spec }: DecoderModel, scope: MemoryScope): Router[] {
  const layers = Array.from({ length: spec.numLayers }, () => randomRouterWeights(backend, spec.headDim, 32, scope));
  const learned = new LearnedRouter({ layers, retrievalMode: modes.full, sparseMode: modes.streaming });
  return [learned, new SparsityDial({ router: learned, target: 0.5, numLayers: spec.numLayers })];
}

/** The same router, whose plans have been decided when it returns them. */
function waiting(router: Router): Router {
  return {
    name: router.name,
    modes: router.modes,
    route(input) {
      const plan = router.route(input);
      plan.waitForAssignment();
      return plan;
    },
    [Symbol.dispose]: () => {},
  };
}

/** Prefills one sequence for each place, by the router of that place. */
async function prefill(model: DecoderModel, places: readonly number[], choices: readonly Router[]) {
  using scope = new MemoryScope();
  const sequences = places.map((place, index) => ({ tokens: tokens(index), cache: scope.track(model.createCache()), router: choices[place]! }));
  const { logits, sequences: results } = await model.prefill({ sequences });
  scope.track(logits);
  return { logits: logits.toFloat32(), assignment: results.map(({ routing }) => routing.assignment) };
}

function tokens(index: number): Int32Array {
  return Int32Array.from({ length: 300 + 67 * index }, (_, i) => (i * 37 + i * i * (index + 1)) % 211);
}
