import { flag, optionSchema, type OptionValues, repeated, text } from "@elastic-attention/core";

const file = text("a file");

/** Options of every command that holds a conversation: what the model's chat template is told. */
export const templateOptions = optionSchema({
  system: { type: text(), placeholder: "text", description: "system message" },
  tools: { type: file, placeholder: "file", description: "tools that the model may call, a JSON list of their schemas" },
  documents: { type: file, placeholder: "file", description: "documents for templates that know them, a JSON list" },
  thinking: { type: flag, description: "think before answering, where the chat template has a switch for it", conflicts: ["noThinking"] },
  noThinking: { type: flag, description: "answer without thinking first, where the chat template has a switch for it" },
  variable: { type: repeated(text("name=value")), placeholder: "name=value", description: "further variable of the chat template; its value is JSON or a text" },
});

/** Options of every command that takes a prompt. */
export const promptOptions = optionSchema({
  file: { type: repeated(text("a file")), short: "f", placeholder: "path", description: "document put before the prompt: a text file, or a folder of them" },
  messages: { type: file, placeholder: "file", description: "conversation that the prompt continues, a JSON list of messages" },
  raw: {
    type: flag,
    description: "no chat template: the text itself, with begin-of-text where the tokenizer adds it",
    conflicts: ["messages", "system", "tools", "documents", "thinking", "noThinking", "variable"],
  },
  ...templateOptions,
});

export type TemplateOptions = Omit<OptionValues<typeof templateOptions>, "system">;
export type PromptOptions = OptionValues<typeof promptOptions>;
