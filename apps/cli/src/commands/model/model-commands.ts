import { choice, flag, optionSchema, type OptionValues, several, share, text, wholeNumber } from "@elastic-attention/core";
import { modelOptions } from "../../options/model-options.js";
import { promptOptions } from "../../options/prompt-options.js";
import { rankOptions } from "../../options/rank-options.js";
import { routingOptions } from "../../options/routing-options.js";
import { defineCommand } from "../../program/command-definition.js";

const count = wholeNumber({ minimum: 1 });
const file = text("a file");

const inspectOptions = optionSchema({
  ...promptOptions,
  tokens: { type: count, placeholder: "n", description: "prompt length that memory is predicted for", default: 8192 },
  memory: { type: flag, description: "what a prompt of that length needs, part by part, at --sparsity" },
  svg: { type: file, placeholder: "file", description: "write the head map of the prompt as a picture" },
  ...modelOptions,
  ...routingOptions,
});

const forwardOptions = optionSchema({
  ids: { type: file, placeholder: "file", description: "safetensors file with the tensor input_ids", required: true },
  out: { type: file, placeholder: "file", description: "safetensors file to write", required: true },
  last: { type: count, placeholder: "n", description: "rows of logits, counted from the end", default: 1 },
  tieRule: {
    type: choice("float32", "bfloat16"),
    placeholder: "rule",
    description: "bfloat16 rounds the router as the published bf16 model does",
    default: "float32",
    // Both decide without the rounding.
    conflicts: ["heads", "sparsity"],
  },
  ...modelOptions,
  ...routingOptions,
});

const benchOptions = optionSchema({
  tokens: { type: several(count), placeholder: "n", description: "prompt lengths", otherwise: "2048 8192, as far as the context allows" },
  newTokens: { type: count, placeholder: "n", description: "decode steps", default: 32 },
  rounds: { type: count, placeholder: "n", description: "repetitions; the best counts", default: 3 },
  ...modelOptions,
  ...rankOptions,
  ...routingOptions,
});

const headsOptions = optionSchema({
  out: { type: file, placeholder: "file", description: "where the list goes; heads.json in the model's folder is found automatically", required: true },
  random: { type: flag, description: "heads at random instead: what any choice must beat", conflicts: ["haystack", "tokens", "samples"] },
  haystack: { type: file, placeholder: "file", description: "text that needles are hidden in", otherwise: "Moby-Dick" },
  tokens: { type: several(count), placeholder: "n", description: "prompt lengths", otherwise: "1024 2048 4096, as far as the context allows" },
  samples: { type: count, placeholder: "n", description: "prompts of each length", default: 8 },
  sparsity: { type: share, placeholder: "share", description: "default share of sparse heads written into the list", default: 0.5 },
  seed: { type: wholeNumber(), placeholder: "n", description: "of the needles and their places, or of the random heads", default: 1 },
  ...modelOptions,
});

const calibrateOptions = optionSchema({
  share: { type: share, placeholder: "share", description: "wanted share of skipped tiles", default: 0.5 },
  file: { type: several(file), placeholder: "file", description: "texts to read", otherwise: "Moby-Dick" },
  tokens: { type: count, placeholder: "n", description: "tokens of each prompt", default: 4096 },
  samples: { type: count, placeholder: "n", description: "prompts from each text", default: 2 },
  ...modelOptions,
});

export type CalibrateOptions = OptionValues<typeof calibrateOptions>;
export type InspectOptions = OptionValues<typeof inspectOptions>;
export type ForwardOptions = OptionValues<typeof forwardOptions>;
export type BenchOptions = OptionValues<typeof benchOptions>;
export type HeadsOptions = OptionValues<typeof headsOptions>;

/** The commands that look at a model or measure it. */
export const modelCommands = [
  defineCommand({
    syntax: "inspect [prompt]",
    description: "show a checkpoint, its router and memory; with a prompt also where its heads are routed",
    options: inspectOptions,
    load: async () => (await import("./inspect.js")).inspect,
  }),
  defineCommand({
    syntax: "forward [model]",
    description: "raw numerics of one prompt: logits, routing and router logits as safetensors",
    options: forwardOptions,
    load: async () => (await import("./forward.js")).forward,
  }),
  defineCommand({
    syntax: "bench",
    description: "time prefill and decode of a model, sparse against full",
    options: benchOptions,
    load: async () => (await import("./bench.js")).bench,
  }),
  defineCommand({
    syntax: "heads",
    description: "find retrieval heads with needle prompts and write a head list (paper, appendix C)",
    options: headsOptions,
    load: async () => (await import("./heads.js")).heads,
  }),
  defineCommand({
    syntax: "calibrate",
    description: "find the factor with which the mode `threshold` skips a wanted share of tiles on given texts",
    options: calibrateOptions,
    load: async () => (await import("./calibrate.js")).calibrate,
  }),
];
