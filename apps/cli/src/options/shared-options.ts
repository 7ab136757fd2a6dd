import { flag, optionSchema, repeated, text } from "@elastic-attention/core";

/** Options of every command. */
export const sharedOptions = optionSchema({
  load: {
    type: repeated(text("a module")),
    placeholder: "module",
    description: "import a module first and call its default export, which registers a router, mode, adapter, backend or suite",
  },
  json: { type: flag, description: "one JSON document on standard output" },
});
