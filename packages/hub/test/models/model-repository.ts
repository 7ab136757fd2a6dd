import { join } from "node:path";
import { resolveModel, type ResolveOptions } from "../../src/index.js";
import { startHub } from "../temporary-cache.js";

export const modelName = "someone/small-model";
/** Bytes that tell one file from another, more than are kept with the repository itself. */
export const weights = (seed: number, size = 50_000) => Buffer.from(Array.from({ length: size }, (_, index) => (index * 31 + seed * 7) % 253));

export const config = JSON.stringify({ architectures: ["Some"] });
const companions = { "config.json": config, "generation_config.json": "{}", "tokenizer.json": '{"model":{}}', "tokenizer_config.json": '{"x":1}' };
const clutter = { "README.md": "# Model", "pytorch_model.bin": weights(8), "onnx/model.onnx": weights(9), "model.fp16.safetensors": weights(10) };

/** A repository as many look: weights in several forms. */
export const singleFile = { ...companions, "chat_template.jinja": "{{ messages }}", "model.safetensors": weights(1), ...clutter };
export const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
export const sharded = {
  ...companions,
  "model.safetensors.index.json": JSON.stringify({ weight_map: { a: shards[0], b: shards[1], c: shards[0] } }),
  [shards[0]!]: weights(2),
  [shards[1]!]: weights(3),
  ...clutter,
};
export const quantised = {
  "README.md": "# Model",
  "Small-Q4_K_M.gguf": weights(4),
  "Small-q8_0.gguf": weights(5),
  "BF16/Small-BF16-00001-of-00002.gguf": weights(6),
  "BF16/Small-BF16-00002-of-00002.gguf": weights(7),
  "mmproj-Small-f16.gguf": weights(11),
};

/** A hub with one model; `resolve` asks it, `fetched` has the paths of files that were asked for, in order. */
export async function hubWith(files: Readonly<Record<string, Uint8Array | string>>, others: Parameters<typeof startHub>[0] = {}) {
  const { hub, settings } = await startHub({ [modelName]: files, ...others });
  const resolve = (name = modelName, options: ResolveOptions = {}) => resolveModel(name, { ...options, settings: { ...settings, ...options.settings } });
  const fetched = () => Array.from(new Set(hub.requests.flatMap(({ path }) => /\/resolve\/[^/]+\/(.+)/.exec(path)?.[1] ?? [])));
  const cache = join(settings.cacheFolder, "models--someone--small-model");
  return { hub, settings, resolve, fetched, cache };
}
