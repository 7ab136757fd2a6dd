import { flag, optionSchema, type OptionValues, speculationOptions, text, wholeNumber } from "@elastic-attention/core";
import { generationOptions } from "../../options/generation-options.js";
import { modelOptions } from "../../options/model-options.js";
import { promptOptions, templateOptions } from "../../options/prompt-options.js";
import { rankOptions } from "../../options/rank-options.js";
import { routingOptions } from "../../options/routing-options.js";
import { defineCommand } from "../../program/command-definition.js";

const answerOptions = optionSchema({ ...modelOptions, ...rankOptions, ...routingOptions, ...generationOptions, ...speculationOptions });

const runOptions = optionSchema({
  ...promptOptions,
  ...answerOptions,
  record: { type: text("a file"), placeholder: "file", description: "write the run as JSON, for the inspector: its prompt, its text, and every layer's heads" },
});

const chatOptions = optionSchema({
  ...templateOptions,
  ...answerOptions,
  quiet: { type: flag, description: "no greeting, and no figures after an answer" },
  reroute: { type: flag, description: "read the whole conversation again in every turn, with new routing" },
});

const demoOptions = optionSchema({
  ...answerOptions,
  tokens: { type: wholeNumber({ minimum: 1 }), placeholder: "n", description: "about how long the document is (default: what this machine reads in 20 s, 7600 at most)" },
});

export type RunOptions = OptionValues<typeof runOptions>;
export type ChatOptions = OptionValues<typeof chatOptions>;
export type DemoOptions = OptionValues<typeof demoOptions>;

/** The commands that write text. */
export const answerCommands = [
  defineCommand({
    syntax: "run [prompt]",
    description: "answer a prompt, and report what sparsity saved; the prompt comes from the argument, files or standard input",
    options: runOptions,
    load: async () => (await import("./run.js")).run,
  }),
  defineCommand({
    syntax: "chat",
    description: "talk with a model; /help lists what can be asked besides",
    options: chatOptions,
    load: async () => (await import("../chat/chat.js")).chat,
  }),
  defineCommand({
    syntax: "demo",
    description: "hide a sentence in a long book, ask for it, and compare sparse with full attention",
    options: demoOptions,
    load: async () => (await import("./demo.js")).demo,
  }),
];
