import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { registerModelFamilies } from "@elastic-attention/model-families";
import { ReferenceBackend, type TensorSource, writeSafetensors } from "@elastic-attention/tensor";
import { forward, PretrainedModel } from "@elastic-attention/transformer";
import { expect, test } from "vitest";
import { tinyFamilies } from "../oracle/tiny-families.js";
import { tinyModelFolder } from "../oracle/tiny-model-folder.js";

registerModelFamilies();

const ids = Array.from({ length: 30 }, (_, i) => (i * 7 + i * i * 3) % 40);

async function open(path: string) {
  using backend = new ReferenceBackend();
  using model = await PretrainedModel.open({ path, backend, dtype: "f32" });
  return { notes: model.notes, logits: (await forward(model.decoder, ids, ids.length)).logits };
}

test.each([
  ["Gemma 3", "Gemma3ForConditionalGeneration", "gemma3_text"],
  ["Ministral 3", "Mistral3ForConditionalGeneration", "ministral3"],
])("the text model of a %s of images and text computes what it does alone, and the rest is told", async (family, architecture, model_type) => {
  const [, config] = tinyFamilies.find(([name]) => name === family)!;
  using folder = tinyModelFolder(config);
  const alone = await open(folder.path);
  const { architectures: _class, dtype, ...text_config } = config;
  writeFileSync(join(folder.path, "config.json"), JSON.stringify({ architectures: [architecture], torch_dtype: dtype, text_config: { ...text_config, model_type }, vision_config: { hidden_size: 8 }, mm_tokens_per_image: 256 }));
  const sources = new Map<string, TensorSource>();
  const add = (name: string, shape: readonly number[], values: Float32Array) => sources.set(name, { type: "F32", shape, bytes: () => new Uint8Array(values.buffer) });
  for (const [name, { shape, values }] of folder.tensors) add(`language_model.${name}`, shape, Float32Array.from(values));
  add("vision_tower.vision_model.embeddings.patch_embedding.bias", [8], new Float32Array(8));
  writeSafetensors(join(folder.path, "model.safetensors"), sources);
  const within = await open(folder.path);
  expect(within.logits).toEqual(alone.logits);
  expect(alone.notes).toEqual([]);
  expect(within.notes).toEqual([expect.stringMatching(/1 tensor of the model is not used: vision_tower/)]);
});
