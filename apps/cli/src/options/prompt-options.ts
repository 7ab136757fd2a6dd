import { flag, optionSchema, type OptionValues, repeated, text } from "@elastic-attention/core";

/** Options of every command that takes a prompt. */
export const promptOptions = optionSchema({
  file: { type: repeated(text("a file")), short: "f", placeholder: "path", description: "document put before the prompt" },
  raw: { type: flag, description: "no chat template" },
});

export type PromptOptions = OptionValues<typeof promptOptions>;
