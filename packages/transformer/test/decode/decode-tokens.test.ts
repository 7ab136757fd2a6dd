import { NoFiniteLogitError } from "@elastic-attention/core";
import { SequenceCache } from "@elastic-attention/attention";
import { ReferenceBackend } from "@elastic-attention/tensor";
import { expect, test } from "vitest";
import { PretrainedModel, registerModelAdapter, sampleLogits, TokenSampler, type TokenSamplerParameters } from "../../src/index.js";
import { tinyAdapter, tinyCheckpoint } from "../tiny-checkpoint.js";

registerModelAdapter(tinyAdapter);

const requests: { readonly prompt: readonly number[]; readonly parameters: TokenSamplerParameters }[] = [
  { prompt: [1, 2, 3], parameters: {} },
  { prompt: [4, 9, 4, 9, 7], parameters: { temperature: 1.5, seed: 3 } },
  { prompt: [8], parameters: { temperature: 0.8, topK: 9, topP: 0.9, minP: 0.01, repetitionPenalty: 1.3, seed: 2 ** 40 + 1 } },
];

/** Six tokens of each request, all in one batch. */
async function texts(model: PretrainedModel, batch: typeof requests): Promise<number[][]> {
  const { numLayers, numKeyValueHeads, headDim, vocabularySize } = model.spec;
  const { backend } = model.decoder;
  const caches = batch.map(() => new SequenceCache({ backend, numLayers, numKeyValueHeads, headDim, dtype: "f32" }));
  const samplers = batch.map(({ prompt, parameters }) => new TokenSampler(backend, vocabularySize, parameters, prompt));
  const prefilled = await model.decoder.prefill({ sequences: batch.map(({ prompt }, index) => ({ tokens: prompt, cache: caches[index]! })) });
  let tokens = sampleLogits(prefilled.logits, samplers);
  prefilled.logits.dispose();
  const texts = batch.map((_, index) => [tokens[index]!]);
  for (let step = 0; step < 5; step++) {
    tokens = model.decoder.decodeTokens(tokens, caches, samplers);
    for (const [index, text] of texts.entries()) text.push(tokens[index]!);
  }
  for (const resource of [...caches, ...samplers]) resource[Symbol.dispose]();
  return texts;
}

test("the same seed gives the same text alone and in a batch", async () => {
  using folder = tinyCheckpoint();
  using backend = new ReferenceBackend();
  {
    using model = await PretrainedModel.open({ path: folder.path, backend });
    const together = await texts(model, requests);
    for (const [index, request] of requests.entries()) expect((await texts(model, [request]))[0]).toEqual(together[index]);
    expect(await texts(model, requests)).toEqual(together);
  }
  expect(backend.memory().liveAllocations).toBe(0);
});

test("a row without a finite logit is an error with its place, and the tokens of the others", () => {
  using backend = new ReferenceBackend();
  using logits = backend.upload(Float32Array.of(1, 2, NaN, NaN), [2, 2], "f32");
  const samplers = [0, 1].map(() => new TokenSampler(backend, 2));
  expect(() => sampleLogits(logits, samplers)).toThrow(NoFiniteLogitError);
  expect(samplers.map(({ draws }) => draws)).toEqual([1, 0]);
});
