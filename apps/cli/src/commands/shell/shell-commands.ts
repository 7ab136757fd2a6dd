import { optionSchema } from "@elastic-attention/core";
import { defineCommand } from "../../program/command-definition.js";

/** The commands that help a shell. */
export const shellCommandDefinitions = [
  defineCommand({
    syntax: "completion <shell>",
    description: "write a script that completes commands and options in bash, zsh or fish",
    options: optionSchema({}),
    load: async () => (await import("./completion.js")).completion,
  }),
  defineCommand({
    syntax: "manual",
    description: "write the manual page",
    options: optionSchema({}),
    load: async () => (await import("./manual.js")).manual,
  }),
];
