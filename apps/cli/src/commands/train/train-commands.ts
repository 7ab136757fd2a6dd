import { choice, flag, list, optionSchema, type OptionValues, repeated, several, share, text, wholeNumber } from "@elastic-attention/core";
import { sharedOptions } from "../../options/shared-options.js";
import { defineCommand } from "../../program/command-definition.js";

const file = text("a file");

const trainOptions = optionSchema({
  config: { type: file, placeholder: "file", description: "JSON; the training package ships its schema and an example", required: true },
  resume: { type: flag, description: "resume from the checkpoint in the output folder" },
  overwrite: { type: flag, description: "begin anew where the output folder holds a run", conflicts: ["resume"] },
  baseline: {
    type: choice("prulong", "duo-attention", "task-lists"),
    placeholder: "name",
    description: "train static heads instead, on the same data; task-lists: a list for each task, at its own target",
    // A baseline has no checkpoint.
    conflicts: ["resume"],
  },
  sparsity: { type: share, placeholder: "share", description: "share of sparse heads of a baseline", default: 0.7, needs: ["baseline"] },
  ...sharedOptions,
});

const rowsOptions = optionSchema({
  model: { type: text("a model"), short: "m", placeholder: "name", description: "the model that is trained, for its tokenizer: folder, .gguf file or hub name", otherwise: "the demo model" },
  out: { type: file, placeholder: "file", description: "JSON lines to write (.gz: compressed)", required: true },
  tasks: { type: list(text()), placeholder: "list", description: "names of tasks, between commas", otherwise: "all of the suite" },
  lengths: { type: several(wholeNumber({ minimum: 1 })), placeholder: "n", description: "lengths in tokens, prompt and answer together", otherwise: "the suite's own" },
  limit: { type: wholeNumber({ minimum: 1 }), short: "n", placeholder: "n", description: "rows of each task and length", default: 50 },
  seed: { type: wholeNumber(), placeholder: "n", description: "of the prompts; eval asks those of seed 42", default: 1 },
  file: { type: repeated(text()), placeholder: "role=path", description: "texts and words to make prompts from: haystack=book.txt, technical=manual.txt, words=DIR" },
  ...sharedOptions,
});

const ablateOptions = optionSchema({
  config: { type: file, placeholder: "file", description: "as for train", required: true },
  axis: { type: choice("width", "target", "pooling", "mode"), placeholder: "axis", description: "what is varied", required: true },
  overwrite: { type: flag, description: "begin anew where the output folder holds such runs" },
  ...sharedOptions,
});

const analyzeOptions = optionSchema({
  config: { type: file, placeholder: "file", description: "the configuration that they were trained with; its data provides the prompts", required: true },
  router: { type: file, placeholder: "file", description: "trained routers", otherwise: "those in the configuration's output folder" },
  prompts: { type: wholeNumber({ minimum: 1 }), placeholder: "n", description: "prompts of each task", default: 8 },
  svg: { type: file, placeholder: "file", description: "picture to write", otherwise: "analysis.svg in the output folder" },
  ...sharedOptions,
});

export type TrainOptions = OptionValues<typeof trainOptions>;
export type RowsOptions = OptionValues<typeof rowsOptions>;
export type AblateOptions = OptionValues<typeof ablateOptions>;
export type AnalyzeOptions = OptionValues<typeof analyzeOptions>;

/** The commands that train routers and look at them. */
export const trainCommands = [
  defineCommand({
    syntax: "train",
    description: "train the routers of a frozen model (paper, sections 3 and 4)",
    options: trainOptions,
    load: async () => (await import("./train.js")).train,
  }),
  defineCommand({
    syntax: "rows <suite>",
    description: "training rows from the tasks of a suite that gives its answers, such as recall",
    options: rowsOptions,
    load: async () => (await import("./rows.js")).rows,
  }),
  defineCommand({
    syntax: "ablate",
    description: "train routers along one axis of choices and print the table",
    options: ablateOptions,
    load: async () => (await import("./ablate.js")).ablate,
  }),
  defineCommand({
    syntax: "analyze",
    description: "how trained routers tell tasks apart, and which heads they send where",
    options: analyzeOptions,
    load: async () => (await import("./analyze.js")).analyze,
  }),
];
