import { readPrompt, type Tokenizer } from "@elastic-attention/generation";
import { openTokenizer } from "../../engine/open-tokenizer.js";
import type { CommandFunction } from "../../program/command-definition.js";
import { promptInput, readPromptParts } from "../../prompt/prompt-input.js";
import { tokenColumns, tokenLines } from "./token-table.js";
import type { TokensOptions } from "./tokens-command.js";

/** `tokens`: what a model reads of a prompt, on standard output; with --json one document. */
export const tokens: CommandFunction<TokensOptions> = async ({ positional, options, signal }) => {
  const parts = await readPromptParts(positional[0], options);
  const { tokenizer, name } = await openTokenizer(options.model, options.json === true, signal);
  const { text = "", tokens: ids } = readPrompt(promptInput(parts, tokenizer), tokenizer);
  const shown = Array.from(ids, (id, index) => ({ index, id, piece: tokenizer.token(id) ?? "", special: tokenizer.isSpecial(id) }));
  const counts = {
    tokens: ids.length,
    specialTokens: shown.filter(({ special }) => special).length,
    characters: Array.from(text).length,
    bytes: Buffer.byteLength(text),
  };
  if (options.json) {
    const pieces = shown.map(({ piece }) => piece);
    console.log(JSON.stringify({ model: name, chatTemplate: applied(parts.raw, tokenizer), prompt: text, ids: Array.from(ids), pieces, counts }, undefined, 2));
    return 0;
  }
  const table = process.stdout.isTTY ? tokenColumns(shown, process.stdout.columns || 80) : tokenLines(shown);
  console.log(`${text}${text.endsWith("\n") ? "" : "\n"}\n${table}`);
  const template = applied(parts.raw, tokenizer) ? "chat template applied" : tokenizer.hasChatTemplate ? "no chat template applied" : "the model has no chat template";
  console.error(
    `${name}: ${counted(counts.tokens, "token")}, ${counts.specialTokens} of them special; ${counted(counts.characters, "character")}, ` +
      `${counted(counts.bytes, "byte")}; ${template}`,
  );
  return 0;
};

function applied(raw: boolean, tokenizer: Tokenizer): boolean {
  return !raw && tokenizer.hasChatTemplate;
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
