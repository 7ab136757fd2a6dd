import { optionSchema, type OptionValues } from "@elastic-attention/core";
import { modelOptions } from "../../options/model-options.js";
import { promptOptions } from "../../options/prompt-options.js";
import { sharedOptions } from "../../options/shared-options.js";
import { defineCommand } from "../../program/command-definition.js";

const tokensOptions = optionSchema({
  ...promptOptions,
  model: { ...modelOptions.model, description: "folder with tokenizer.json, .gguf file, or owner/name of the Hugging Face hub; weights are not read" },
  ...sharedOptions,
});

export type TokensOptions = OptionValues<typeof tokensOptions>;

/** The command that shows a prompt as a model reads it. */
export const tokensCommand = defineCommand({
  syntax: "tokens [prompt]",
  description: "show a prompt as the model reads it: the rendered text, and its tokens",
  options: tokensOptions,
  notes: `On a terminal tokens stand side by side; elsewhere there is one a line: its place, id and piece. A piece is the token as the
vocabulary has it, where Ġ or ▁ stands for a space; special tokens are marked with *.`,
  load: async () => (await import("./tokens.js")).tokens,
});
