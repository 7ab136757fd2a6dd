import type { AttentionMode } from "@elastic-attention/attention";
import { MemoryScope } from "@elastic-attention/core";
import { ConstantRouter, routerParameters, type RouterWeights, routerWeightsOf } from "@elastic-attention/router";
import { type FloatArray, readFloats, ReferenceBackend, uploadFloats, writeFloats } from "@elastic-attention/tensor";
import { forward, type PrefillSequence, PretrainedModel, routedLayers, TrainingModel, type TrainingStepOptions } from "@elastic-attention/transformer";
import { describe, expect, test } from "vitest";
import { relativeError } from "./fixture-cases.js";
import { oracleLogits } from "./oracle/oracle-decoder.js";
import { tinyFamilies } from "./oracle/tiny-families.js";
import { tinyModelFolder } from "./oracle/tiny-model-folder.js";

const ids = Array.from({ length: 30 }, (_, i) => (i * 7 + i * i * 3) % 40);
const streaming = { kind: "streaming", sinkTokens: 2, localTokens: 4, blockSize: 2 } as const satisfies AttentionMode;
const full = { kind: "full" } as const satisfies AttentionMode;
const flat = (rows: readonly Float64Array[]) => rows.flatMap((row) => Array.from(row));

describe.each(tinyFamilies)("a tiny %s", (_name, config) => {
  // float32 against float64: some hundred roundings of 6e-8.
  test("computes what the float64 oracle does, read at once and token by token", async () => {
    using folder = tinyModelFolder(config);
    using backend = new ReferenceBackend();
    {
      using model = await PretrainedModel.open({ path: folder.path, backend, dtype: "f32" });
      expect(model.notes).toEqual([]);
      const whole = await forward(model.decoder, ids, ids.length);
      expect(relativeError(whole.logits, flat(oracleLogits(folder.model, folder.tensors, ids)))).toBeLessThan(2e-5);
      // Dynamic scaling leaves cached keys as they were, so decoding is compared where it does not set in.
      const isDynamic = model.spec.layers.some(({ rope }) => rope?.type === "dynamic");
      const tokens = isDynamic ? ids.slice(0, 16) : ids;
      using cache = model.decoder.createCache();
      const { logits } = await model.decoder.prefill({ sequences: [{ tokens: tokens.slice(0, 11), cache }] });
      logits.dispose();
      for (let at = 11; at < tokens.length; at++) {
        using next = model.decoder.decode([tokens[at]!], [cache]);
        const expected = oracleLogits(folder.model, folder.tensors, tokens.slice(0, at + 1)).at(-1)!;
        expect(relativeError(next.toFloat32(), expected), `token ${at}`).toBeLessThan(2e-5);
      }
    }
    expect(backend.memory().liveAllocations).toBe(0);
  });

  test("computes the same in a batch with a prompt of another length, and in two parts", async () => {
    using folder = tinyModelFolder(config);
    using backend = new ReferenceBackend();
    using model = await PretrainedModel.open({ path: folder.path, backend, dtype: "f32" });
    const short = ids.slice(0, 11);
    using caches = new MemoryScope();
    const [one, other] = [caches.track(model.decoder.createCache()), caches.track(model.decoder.createCache())];
    const logitsOf = async (sequences: readonly PrefillSequence[]) => {
      const { logits } = await model.decoder.prefill({ sequences, logitsRows: 30 });
      using owned = logits;
      return owned.toFloat32();
    };
    const [first, whole] = [oracleLogits(folder.model, folder.tensors, short), oracleLogits(folder.model, folder.tensors, ids)];
    const batch = await logitsOf([{ tokens: short, cache: one }, { tokens: ids, cache: other }]);
    expect(relativeError(batch, flat([...first, ...whole]))).toBeLessThan(2e-5);
    // With dynamic scaling the first part has its own base, unless the length to come is told.
    if (model.spec.layers.some(({ rope }) => rope?.type === "dynamic")) return;
    const rest = await logitsOf([{ tokens: ids.slice(11), cache: one }]);
    expect(relativeError(rest, flat(whole.slice(11)))).toBeLessThan(2e-5);
  });

  test("is the same with every routed head in a streaming mode that is longer than the prompt", async () => {
    using folder = tinyModelFolder(config);
    using backend = new ReferenceBackend();
    using model = await PretrainedModel.open({ path: folder.path, backend, dtype: "f32" });
    const router = new ConstantRouter({ ...streaming, localTokens: 64 }, full);
    const [plain, routed] = [await forward(model.decoder, ids, 30), await forward(model.decoder, ids, 30, router)];
    expect(routed.logits).toEqual(plain.logits);
    expect(routed.fullHeads.every((head) => head === 0)).toBe(true);
    if (routedLayers(model.spec).length === 0) return;
    const short = await forward(model.decoder, ids, 30, new ConstantRouter(streaming, full));
    expect(short.logits).not.toEqual(plain.logits);
  });

  test("gives routers the gradient that finite differences in float64 have", async () => {
    using folder = tinyModelFolder(config);
    const backend = new ReferenceBackend({ precision: "f64" });
    {
      using pretrained = await PretrainedModel.open({ path: folder.path, backend });
      using model = TrainingModel.share(pretrained.decoder, { chunkRows: 8 });
      const routed = routedLayers(model.spec).length;
      const routers = randomRouters(backend, routed, model.spec.headDim);
      const options = trainingStep(routers);
      if (routed === 0) await expect(model.step(options)).rejects.toThrow(/nothing that a router could decide/);
      else await expectGradients(model, options);
      for (const router of routers) router[Symbol.dispose]();
    }
    expect(backend.memory().liveAllocations).toBe(0);
  });
});

test("a layer with a sliding window keeps 128 positions or its window in whole 128s, and decodes by them as the oracle does", async () => {
  const [, mistral] = tinyFamilies.find(([name]) => name === "Mistral")!;
  using folder = tinyModelFolder({ ...mistral, max_position_embeddings: 1024, num_hidden_layers: 1, sliding_window: 9 });
  using backend = new ReferenceBackend();
  using model = await PretrainedModel.open({ path: folder.path, backend, dtype: "f32" });
  const long = Array.from({ length: 270 }, (_, i) => (i * 7 + i * i * 3) % 40);
  // The policy "full" is about routed heads: what the model fixes stays.
  using cache = model.decoder.createCache({ decode: "full" });
  const { logits } = await model.decoder.prefill({ sequences: [{ tokens: long.slice(0, 260), cache }] });
  logits.dispose();
  const bytesPerPosition = 2 * 2 * 8 * 4;
  expect(cache.byteLength).toBe(128 * bytesPerPosition);
  const expected = oracleLogits(folder.model, folder.tensors, long);
  for (let at = 260; at < long.length; at++) {
    using next = model.decoder.decode([long[at]!], [cache]);
    expect(relativeError(next.toFloat32(), expected[at]!), `token ${at}`).toBeLessThan(2e-5);
  }
  expect(cache.byteLength).toBe(128 * bytesPerPosition);
});

/** Two segments, the second beyond the original context of the tiny scalings; gates between 0 and 1. */
function trainingStep(routers: readonly RouterWeights[]): TrainingStepOptions {
  const offsets = [0, 7, 26];
  const tokens = Int32Array.from(ids.slice(0, 26));
  const targets = tokens.map((_, row) => (offsets.includes(row + 1) ? -1 : tokens[row + 1]!));
  return {
    pack: { tokens, offsets, targets, pooledRanges: [[[0, 7]], [[8, 12], [20, 26]]] },
    routers,
    retrievalMode: full,
    sparseMode: streaming,
    decide(_router, logits) {
      const gates = Float64Array.from({ length: logits.length / 2 }, (_, gate) => 1 / (1 + Math.exp(logits[2 * gate]! - logits[2 * gate + 1]!)));
      const slope = (gradients: FloatArray, i: number) => gradients[i]! * gates[i]! * (1 - gates[i]!);
      return { gates, backward: (gradients) => Float64Array.from(logits, (_, i) => (i % 2 === 0 ? -1 : 1) * slope(gradients, i >> 1)) };
    },
    gateLoss: (gates) => ({ loss: 0, gradients: gates.map((layer) => new Float64Array(layer.length)) }),
  };
}

/** Along one random direction through all parameters of each router, to a relative 1e-6. */
async function expectGradients(model: TrainingModel, options: TrainingStepOptions): Promise<void> {
  const { routerGradients } = await model.step(options);
  for (const [index, router] of options.routers.entries()) {
    const parameters = routerParameters(router).map((tensor) => ({ tensor, values: readFloats(tensor) }));
    const direction = Float64Array.from(routerGradients[index]!, (_, i) => Math.sin(7.77 + i * 2.3));
    const moved = async (distance: number) => {
      let at = 0;
      for (const { tensor, values } of parameters) writeFloats(tensor, values.map((value) => value + distance * direction[at++]!));
      return (await model.step(options)).languageModelLoss;
    };
    const h = 1e-3;
    const difference = (8 * ((await moved(h)) - (await moved(-h))) - ((await moved(2 * h)) - (await moved(-2 * h)))) / (12 * h);
    await moved(0);
    const along = direction.reduce((sum, step, i) => sum + step * routerGradients[index]![i]!, 0);
    const largest = Math.max(...Array.from(routerGradients[index]!, Math.abs));
    expect(largest).toBeGreaterThan(0);
    expect(Math.abs(along - difference) / Math.max(Math.abs(along), Math.abs(difference), largest / 1000), `router ${index}`).toBeLessThan(1e-6);
  }
}

function randomRouters(backend: ReferenceBackend, count: number, headDim: number): RouterWeights[] {
  let state = 7;
  const random = () => ((state = (state * 48271) % 2147483647) / 2147483647) * 2 - 1;
  const tensor = (shape: readonly number[]) => {
    const created = backend.allocate(shape, "f32");
    uploadFloats(created, Float64Array.from({ length: created.numElements }, () => Math.fround(random())));
    return created;
  };
  const width = 4;
  const shapes = [[width, headDim], [headDim, width], [width, headDim], [headDim, width], [2, headDim]] as const;
  return Array.from({ length: count }, () => routerWeightsOf(shapes.flatMap(([outputs, inputs]) => [tensor([outputs, inputs]), tensor([outputs])])));
}
