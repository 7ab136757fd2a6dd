import { choice, flag, optionSchema, type OptionValues, text } from "@elastic-attention/core";
import type { ConvertedType } from "@elastic-attention/transformer";
import { sharedOptions } from "../../options/shared-options.js";
import { defineCommand } from "../../program/command-definition.js";

const convertOptions = optionSchema({
  out: { type: text("a place"), placeholder: "path", description: "where the model goes: a file that ends in .gguf, or a folder for safetensors", required: true },
  weights: {
    type: choice<ConvertedType>("f32", "bf16", "f16", "q8_0", "q4_k", "fp8"),
    placeholder: "type",
    description: "what matrices are written in: f32, bf16, f16; q8_0, q4_k (GGUF); fp8 (safetensors)",
    otherwise: "as the model has them",
  },
  overwrite: { type: flag, description: "replace the model that is there" },
  ...sharedOptions,
});

export type ConvertOptions = OptionValues<typeof convertOptions>;

/** The command that writes a model as a GGUF file or as safetensors. */
export const convertCommand = defineCommand({
  syntax: "convert <model>",
  description: "write a model as a GGUF file or as safetensors, quantised where that is asked for",
  notes:
    "Norms, biases and the routers of experts stay in floats. The model is read and written slice by slice, whatever its size, and\nappears at its place when it is whole.",
  options: convertOptions,
  load: async () => (await import("./convert.js")).convert,
});
