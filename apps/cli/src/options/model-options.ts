import { byteSize, choice, optionSchema, type OptionValues, text, wholeNumber } from "@elastic-attention/core";
import { sharedOptions } from "./shared-options.js";

/** Options of every command that loads a model. */
export const modelOptions = optionSchema({
  model: {
    type: text("a folder"),
    short: "m",
    placeholder: "dir",
    description: "folder with config.json, safetensors and tokenizer.json",
    otherwise: "the demo model",
  },
  backend: { type: text("the name of a backend"), placeholder: "name", description: "cpu, cuda, reference, or one that --load brings", default: "cpu" },
  dtype: { type: choice("f32", "bf16"), placeholder: "type", description: "type that is computed in", otherwise: "as the checkpoint" },
  threads: { type: wholeNumber({ minimum: 1 }), placeholder: "n", description: "threads of the cpu backend", otherwise: "all cores" },
  memoryLimit: {
    type: byteSize,
    placeholder: "size",
    description: "most memory that weights, caches and activations may take: 8GB, 512MiB",
    otherwise: "what the device has",
  },
  ...sharedOptions,
});

export type ModelOptions = OptionValues<typeof modelOptions>;
