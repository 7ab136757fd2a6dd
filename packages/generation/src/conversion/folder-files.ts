import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { routerFileName } from "@elastic-attention/transformer";
import { headListName } from "../request/router-choice.js";

/** A small file of a model's folder: what stands in it, or the file that it is a copy of. */
export interface FolderFile {
  readonly name: string;
  readonly content: string | { readonly copyOf: string };
}

/** Files beside the weights of a folder of transformers, with those that older programs read. */
const companionNames = [
  "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "merges.txt", "tokenizer.model",
  "chat_template.jinja", "chat_template.json", "generation_config.json", "preprocessor_config.json", "LICENSE", "README.md",
];

/** Names that a model's folder may have, so that one that has others is not taken for one. */
export const modelFileNames = /^(config\.json|model.*\.safetensors|model\.safetensors\.index\.json)$/;

export function folderFiles(config: Readonly<Record<string, unknown>>): readonly FolderFile[] {
  return [{ name: "config.json", content: `${JSON.stringify(config, undefined, 2)}\n` }];
}

/** What lies beside the weights of a folder, routers included. */
export function companionFiles(directory: string): readonly FolderFile[] {
  return [...copies(directory, companionNames), ...routerFiles(directory)];
}

/** Routers and head lists, which belong to a model whatever its files are. */
export function routerFiles(directory: string): readonly FolderFile[] {
  return copies(directory, [routerFileName, headListName]);
}

/** Whether a name may stand in a folder of a model. */
export function isModelFile(name: string): boolean {
  return modelFileNames.test(name) || companionNames.includes(name) || name === routerFileName || name === headListName;
}

/** The bytes of a file. */
export function contentOf({ content }: FolderFile): Uint8Array {
  return typeof content === "string" ? Buffer.from(content) : readFileSync(content.copyOf);
}

function copies(directory: string, names: readonly string[]): readonly FolderFile[] {
  return names.flatMap((name) => {
    const path = join(directory, name);
    return existsSync(path) && statSync(path).isFile() ? [{ name, content: { copyOf: path } }] : [];
  });
}
