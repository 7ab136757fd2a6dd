import { createRequire } from "node:module";
import { join } from "node:path";
import { packageFolder, workspaceRoot } from "../folders.js";

/** The part of the Rust library's binding that is compared. It works on one thread for one text. */
export interface TokenizersPeer {
  encode(text: string): Promise<{ getIds(): ArrayLike<number> }>;
}

/** The Rust library with the tokenizer of a file, or why it cannot be measured here and what to do. */
export function tokenizersPeer(tokenizerFile: string): TokenizersPeer | string {
  const folder = join(packageFolder, "peers", "tokenizers");
  try {
    const load = createRequire(join(folder, "package.json"));
    const { Tokenizer } = load("tokenizers") as { Tokenizer: { fromFile(path: string): TokenizersPeer } };
    return Tokenizer.fromFile(tokenizerFile);
  } catch (error) {
    const install = `npm install --prefix ${folder.slice(workspaceRoot.length + 1)} --ignore-scripts --no-package-lock (67 MB)`;
    return `The Rust library tokenizers was not measured: ${(error as Error).message.split("\n")[0]!} To install it, from the root of the workspace: ${install}.`;
  }
}
