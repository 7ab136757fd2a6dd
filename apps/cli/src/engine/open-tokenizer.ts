import { statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { demoModelDirectory, demoModelInformation } from "@elastic-attention/demo-model";
import { Tokenizer } from "@elastic-attention/generation";
import { FetchView } from "./fetch-view.js";

/** A tokenizer, and what its model is called. */
export interface NamedTokenizer {
  readonly tokenizer: Tokenizer;
  readonly name: string;
}

/**
 * The tokenizer of a model, without a look at its weights: of a folder with tokenizer.json, that file itself, a GGUF file, or a
 * model of the hub, of which only the files of the tokenizer are fetched (a GGUF file, which has it inside, as a whole).
 *
 * @throws TokenizerError, the errors of `resolveModel`
 */
export async function openTokenizer(model: string | undefined, quiet: boolean, signal: AbortSignal): Promise<NamedTokenizer> {
  if (model === undefined) return { tokenizer: Tokenizer.load(demoModelDirectory()), name: demoModelInformation.name };
  if (statSync(model, { throwIfNoEntry: false })?.isFile() === true && basename(model) === "tokenizer.json") {
    const folder = dirname(resolve(model));
    return { tokenizer: Tokenizer.load(folder), name: basename(folder) };
  }
  // The hub's client is large, and not needed for the demo model.
  const { resolveModel } = await import("@elastic-attention/hub");
  using view = new FetchView(model);
  const { path, name, notes } = await resolveModel(model, { weights: "left out", signal, ...(quiet ? {} : { onProgress: (progress) => view.update(progress) }) });
  view[Symbol.dispose]();
  if (!quiet) for (const note of notes) console.error(`note: ${note}`);
  return { tokenizer: Tokenizer.load(/\.safetensors$/i.test(path) ? dirname(resolve(path)) : path), name };
}
