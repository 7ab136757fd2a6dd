import { fileURLToPath } from "node:url";

/**
 * The folder that holds the embedded model in the Hugging Face layout: config.json, model.safetensors (bf16),
 * tokenizer.json, tokenizer_config.json with the chat template, generation_config.json.
 *
 * @returns an absolute path without a trailing separator.
 */
export function demoModelDirectory(): string {
  // Sources lie in src/ and builds in dist/, both one level below the package, beside model/.
  return fileURLToPath(new URL("../model", import.meta.url));
}
