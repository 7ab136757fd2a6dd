import type { ModelPlan } from "@elastic-attention/hub";
import { type ModelConfig, readGgufHeader } from "@elastic-attention/transformer";
import { Tokenizer } from "./tokenizer/tokenizer.js";

/** What is asked for first; the headers of large vocabularies have some ten times as much. */
const firstBytes = 1 << 20;

/**
 * Looks at the header of a GGUF model before the model is fetched: its kind, its tensors, its tokenizer.
 * @returns its config; undefined where it cannot be known from the header, or where the file is here anyway
 * @throws the errors of `readGgufHeader` and `Tokenizer.load`
 */
export async function checkGgufPlan({ name, head }: ModelPlan): Promise<ModelConfig | undefined> {
  if (head === undefined) return undefined;
  for (let bytes = firstBytes; ; bytes *= 4) {
    const header = readGgufHeader(name, head.fileBytes, await head.read(bytes));
    if (header === undefined) continue;
    Tokenizer.ofModel({ directory: "", ggufMetadata: header.metadata });
    return header.config;
  }
}
