import { ConstantRouter, type Router, type RouterInput } from "@elastic-attention/router";
import { type Backend, CopiedTensor, ReferenceBackend } from "@elastic-attention/tensor";
import { expect, test } from "vitest";
import { DecoderModel, ModelConfig } from "../src/index.js";
import { tinyAdapter, tinyConfig } from "./tiny-checkpoint.js";

/** A backend whose keys and values lie in pages. */
class PagedBackend extends ReferenceBackend {
  readonly reserve: NonNullable<Backend["reserve"]> = (maximumRows, rowLength, dtype) => new CopiedTensor(this, maximumRows, rowLength, dtype);
}

/** Takes down the keys that it is asked about. */
function recording(into: Float32Array[]): Router {
  const constant = new ConstantRouter({ kind: "full" });
  return {
    name: "recording",
    modes: constant.modes,
    route(input: RouterInput) {
      into.push(input.keys.toFloat32());
      expect(input.offsets).toEqual([0, input.keys.shape[0]!]);
      return constant.route(input);
    },
    [Symbol.dispose]: () => {},
  };
}

test("a router is asked about the keys of the whole prompt where its beginning was read without a plan", async () => {
  using backend = new PagedBackend();
  {
    const spec = tinyAdapter.spec(new ModelConfig({ ...tinyConfig, max_position_embeddings: 1000 }));
    using model = DecoderModel.random({ backend, spec, dtype: "f32" });
    const tokens = Int32Array.from({ length: 300 }, (_, index) => (index * 7 + index * index) % 50);
    const [whole, resumed]: [Float32Array[], Float32Array[]] = [[], []];
    {
      using cache = model.createCache();
      (await model.prefill({ sequences: [{ tokens, cache, router: recording(whole) }] })).logits.dispose();
    }
    {
      using first = model.createCache();
      (await model.prefill({ sequences: [{ tokens: tokens.subarray(0, 256), cache: first }] })).logits.dispose();
      using snapshot = first.snapshot()!;
      using cache = model.caches.resume(snapshot, { keepModes: false });
      (await model.prefill({ sequences: [{ tokens: tokens.subarray(256), cache, router: recording(resumed) }] })).logits.dispose();
    }
    expect(resumed.length).toBe(spec.numLayers);
    for (const [layer, keys] of whole.entries()) {
      const difference = keys.reduce((most, value, index) => Math.max(most, Math.abs(value - resumed[layer]![index]!)), 0);
      // Turned there and back in float32.
      expect(difference).toBeLessThan(1e-5);
    }
  }
  expect(backend.memory().liveAllocations).toBe(0);
});
