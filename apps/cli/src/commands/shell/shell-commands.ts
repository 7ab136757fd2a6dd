import type { OptionValues } from "@elastic-attention/core";
import { sharedOptions } from "../../options/shared-options.js";
import { defineCommand } from "../../program/command-definition.js";

export type ShellOptions = OptionValues<typeof sharedOptions>;

/** The commands that help a shell. */
export const shellCommandDefinitions = [
  defineCommand({
    syntax: "completion <shell>",
    description: "write a script that completes commands and options in bash, zsh or fish",
    options: sharedOptions,
    load: async () => (await import("./completion.js")).completion,
  }),
  defineCommand({
    syntax: "manual",
    description: "write the manual page",
    options: sharedOptions,
    load: async () => (await import("./manual.js")).manual,
  }),
];
