import type { SequenceCache } from "@elastic-attention/attention";
import type { Backend } from "@elastic-attention/tensor";
import { DecoderModel, type LayerSpec, type ModelSpec, type RopeSpec } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import type { BackendUnderTest } from "../backend-under-test.js";
import { relativeError } from "../random-tensors.js";
import { tinyModel } from "./tiny-model.js";

type Variant = (spec: ModelSpec) => ModelSpec;

const withRope = (change: (rope: RopeSpec) => RopeSpec): Variant => (spec) => ({ ...spec, layers: spec.layers.map((layer) => ({ ...layer, rope: change(layer.rope!) })) });
const withLayers = (change: (layer: LayerSpec, index: number) => LayerSpec): Variant => (spec) => ({ ...spec, layers: spec.layers.map(change) });
const factors = (pairs: number, step: number) => Array.from({ length: pairs }, (_, pair) => 1 + pair * step);

/** What families change about queries and keys; prompts are on both sides of 100 tokens, and one crosses it. */
const variants: Readonly<Record<string, Variant>> = {
  "a part of each head rotated": withRope((rope) => ({ ...rope, rotatedDim: 24 })),
  "neighbours rotated": withRope((rope) => ({ ...rope, pairs: "neighbours" })),
  "neighbours of a part rotated": withRope((rope) => ({ ...rope, pairs: "neighbours", rotatedDim: 32 })),
  "no positions in a layer": withLayers((layer, index) => (index === 0 ? { ...layer, rope: undefined } : layer)),
  "dynamic scaling": withRope(({ theta, rotatedDim, pairs }) => ({ theta, rotatedDim, pairs, type: "dynamic", factor: 4, originalContextLength: 100 })),
  longrope: withRope(({ theta, pairs }) => ({
    theta,
    pairs,
    rotatedDim: 48,
    type: "longrope",
    shortFactors: factors(24, 0.05),
    longFactors: factors(24, 0.5),
    originalContextLength: 100,
    attentionFactor: 1.2,
  })),
  "queries scaled by their position": (spec) => ({ ...spec, queryScaling: { beta: 0.8, originalContextLength: 32 } }),
};
const lengths = [60, 98, 180, 23];
/** Batches that fill a recorded step's rows, and one that leaves a row empty. */
const batches = [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 1]];
const steps = 6;
const vocabulary = 211;

/** Decode steps of what model families have against the same steps on caches that no recorded step serves. */
export function describeFamilyDecode(subject: BackendUnderTest): void {
  describe(`decode steps of families on ${subject.name}`, () => {
    test.each(Object.keys(variants).flatMap((name) => subject.dtypes.map((dtype) => [name, dtype] as const)))("%s, in %s: the same from pages and from caches of their own", async (name, dtype) => {
      using files = tinyModel();
      const options = files.options(subject.create(), dtype);
      const spec = variants[name]!(options.spec);
      using backend = counted(options.backend);
      {
        using model = await DecoderModel.load({ ...options, spec });
        using plain = await DecoderModel.load(options);
        const expected = await decode(model, false);
        const actual = await decode(model, true);
        const tolerance = dtype === "f32" ? 1e-4 : dtype === "bf16" ? 0.05 : 0.01;
        expect(relativeError(actual, expected)).toBeLessThan(tolerance);
        // What the variant changes is seen.
        expect(relativeError(await decode(plain, false), expected)).toBeGreaterThan(2 * tolerance);
        if (backend.capture !== undefined && dtype !== "f32") expect(backend.captured()).toBeGreaterThan(0);
      }
    });

    test.each(subject.dtypes)("norms over all heads, in %s: the same from pages and from caches of their own", async (dtype) => {
      using files = tinyModel();
      using backend = counted(subject.create());
      const { spec } = files.options(backend, dtype);
      {
        using model = DecoderModel.random({ backend, dtype, spec: { ...spec, queryKeyNorm: "projection" } });
        expect(relativeError(await decode(model, true), await decode(model, false))).toBeLessThan(dtype === "f32" ? 1e-4 : 0.05);
        if (backend.capture !== undefined && dtype !== "f32") expect(backend.captured()).toBeGreaterThan(0);
      }
    });
  });
}

/** A backend that counts what it records. */
function counted(backend: Backend): Backend & { captured(): number } {
  const capture = backend.capture?.bind(backend);
  let count = 0;
  const recording = (step: () => void) => {
    count += 1;
    return capture!(step);
  };
  return Object.assign(backend, { captured: () => count, ...(capture === undefined ? {} : { capture: recording }) });
}

/** Logits of steps in which sequences of different lengths come together. */
async function decode(model: DecoderModel, paged: boolean): Promise<Float32Array> {
  const caches: SequenceCache[] = [];
  for (const length of lengths) {
    const cache = model.createCache({ paged });
    caches.push(cache);
    const tokens = Array.from({ length }, (_, i) => (i * 7 + length) % vocabulary);
    (await model.prefill({ sequences: [{ tokens, cache }] })).logits.dispose();
  }
  const rows: number[] = [];
  for (let step = 0; step < steps; step++) {
    const chosen = batches[step % batches.length]!;
    using logits = model.decode(chosen.map((index) => (index * 5 + step) % vocabulary), chosen.map((index) => caches[index]!));
    for (const value of logits.toFloat32()) rows.push(value);
  }
  for (const cache of caches) cache.dispose();
  return Float32Array.from(rows);
}

