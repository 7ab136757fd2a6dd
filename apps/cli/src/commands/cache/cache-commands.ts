import type { OptionValues } from "@elastic-attention/core";
import { sharedOptions } from "../../options/shared-options.js";
import { defineCommand } from "../../program/command-definition.js";

export type CacheOptions = OptionValues<typeof sharedOptions>;

/** The commands about models of the Hugging Face hub in its cache. */
export const cacheCommands = [
  defineCommand({
    syntax: "pull <model>",
    description: "fetch a model of the Hugging Face hub into the cache: owner/name[@revision][:file or quantisation]",
    options: sharedOptions,
    load: async () => (await import("./pull.js")).pull,
  }),
  defineCommand({
    syntax: "list",
    description: "show the models in the cache: revision, size, last use, format, and whether each is complete",
    options: sharedOptions,
    load: async () => (await import("./list.js")).list,
  }),
  defineCommand({
    syntax: "remove <model>",
    description: "remove a model, one revision or one quantisation of it from the cache",
    options: sharedOptions,
    load: async () => (await import("./remove.js")).remove,
  }),
];
