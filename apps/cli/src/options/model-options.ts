import type { CacheType } from "@elastic-attention/attention";
import { byteSize, choice, optionSchema, type OptionValues, text, wholeNumber } from "@elastic-attention/core";
import type { WeightChoice } from "@elastic-attention/transformer";
import { sharedOptions } from "./shared-options.js";

/** Options of every command that loads a model. */
export const modelOptions = optionSchema({
  model: {
    type: text("a model"),
    short: "m",
    placeholder: "name",
    description: "folder, .safetensors or .gguf file, or owner/name[@revision][:quantisation] of the Hugging Face hub",
    otherwise: "the demo model",
  },
  backend: { type: text("the name of a backend"), placeholder: "name", description: "cpu, cuda, reference, or one that --load brings", default: "cpu" },
  dtype: { type: choice("f32", "bf16"), placeholder: "type", description: "type that is computed in", otherwise: "as the checkpoint" },
  weights: {
    type: choice<WeightChoice>("stored", "unpacked", "f32", "bf16", "q8_0", "q4_k", "fp8"),
    placeholder: "format",
    description: "what matrices are kept in: stored (as a quantised file has them), unpacked, f32, bf16, or quantised while they are loaded",
    otherwise: "stored where the backend has kernels for it and f32 is not asked for, else unpacked",
  },
  cacheType: {
    type: choice<CacheType>("fp8", "q8_0"),
    placeholder: "format",
    description: "what keys and values are kept in, for half of the memory of bf16: fp8, or q8_0 (cpu), which is closer",
    otherwise: "the type that is computed in",
  },
  threads: { type: wholeNumber({ minimum: 1 }), placeholder: "n", description: "threads of the cpu backend", otherwise: "all cores" },
  cpuLevel: {
    type: text("a level"),
    placeholder: "level",
    description: "level of the cpu backend's kernels, as doctor lists them: plain, avx2, …",
    otherwise: "ELASTIC_ATTENTION_CPU_LEVEL, else the best of the processor",
  },
  memoryLimit: {
    type: byteSize,
    placeholder: "size",
    description: "most memory that weights, caches and activations may take: 8GB, 512MiB",
    otherwise: "what the device has",
  },
  ...sharedOptions,
});

export type ModelOptions = OptionValues<typeof modelOptions>;
