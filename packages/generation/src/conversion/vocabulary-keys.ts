import { ConversionError } from "@elastic-attention/core";
import type { GgufNumber, GgufWriteValue } from "@elastic-attention/tensor";
import { tokenKinds } from "../tokenizer/gguf/gguf-vocabulary.js";
import { preTokenizerNamed } from "../tokenizer/gguf/pre-tokenizers.js";
import { Tokenizer } from "../tokenizer/tokenizer.js";
import type { TokenizerFiles } from "../tokenizer/tokenizer-files.js";
import { sentencepieceScores } from "./sentencepiece-scores.js";

/** Ids that a model ends answers at, begins texts with and fills rows with. */
export interface NamedIds {
  readonly begin: number | undefined;
  /** The first is named as the end, the next two as ends of turns and messages. */
  readonly ends: readonly number[];
}

interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly special?: boolean;
}

type Json = Readonly<Record<string, unknown>>;

const hint = "Name a folder, for safetensors.";
const count = (value: number): GgufNumber => ({ type: "u32", value });

/**
 * The keys of a GGUF file's metadata that say what tokenizer.json does.
 * @param vocabularySize rows of the embedding, which the list of tokens is filled up to
 * @throws ConversionError for what GGUF files have no way to say
 */
export function vocabularyKeys(files: TokenizerFiles, vocabularySize: number, ids: NamedIds): ReadonlyMap<string, GgufWriteValue> {
  const model = files.tokenizer["model"] as Json;
  if (model["type"] !== "BPE") throw new ConversionError(`The tokenizer is of the kind ${JSON.stringify(model["type"])}; byte-level BPE and sentencepiece BPE are written as GGUF.`, hint);
  const added = (files.tokenizer["added_tokens"] ?? []) as readonly AddedToken[];
  const { tokens, kinds } = listTokens(model["vocab"] as Readonly<Record<string, number>>, added, vocabularySize);
  const merges = ((model["merges"] ?? []) as readonly (string | readonly [string, string])[]).map((merge) => (typeof merge === "string" ? merge : merge.join(" ")));
  const tokenizer = new Tokenizer(files);
  const isSentencepiece = model["byte_fallback"] === true;
  const special = (name: string) => specialId(files.config, tokenizer, name);
  const unknown = special("unk_token") ?? (typeof model["unk_token"] === "string" ? tokenizer.tokenId(model["unk_token"]) : undefined);
  if (isSentencepiece) markSentencepiece(tokens, kinds, unknown);
  const { begins, ends } = aroundText(tokenizer, ids.begin);
  const named: readonly (readonly [string, number | undefined])[] = [
    ["bos", ids.begin],
    ["eos", ids.ends[0]],
    ["eot", ids.ends[1]],
    ["eom", ids.ends[2]],
    ["unknown", unknown],
    ["padding", special("pad_token")],
  ];
  return new Map<string, GgufWriteValue>([
    ["tokenizer.ggml.model", isSentencepiece ? "llama" : "gpt2"],
    ["tokenizer.ggml.pre", isSentencepiece ? "default" : preTokenizerOf(files.tokenizer, model)],
    ["tokenizer.ggml.tokens", tokens],
    ["tokenizer.ggml.token_type", kinds],
    ...(isSentencepiece ? ([["tokenizer.ggml.scores", sentencepieceScores(tokens, merges)], ["tokenizer.ggml.add_space_prefix", putsSpaceInFront(tokenizer)]] as const) : ([["tokenizer.ggml.merges", merges]] as const)),
    ...named.flatMap(([name, id]) => (id === undefined ? [] : [[`tokenizer.ggml.${name}_token_id`, count(id)] as const])),
    ["tokenizer.ggml.add_bos_token", begins],
    ["tokenizer.ggml.add_eos_token", ends],
    ...(files.chatTemplate === undefined ? [] : [["tokenizer.chat_template", files.chatTemplate] as const]),
  ]);
}

/** Tokens by id; rows of the embedding without one get a name that no text has. */
function listTokens(vocabulary: Readonly<Record<string, number>>, added: readonly AddedToken[], rows: number): { readonly tokens: string[]; readonly kinds: number[] } {
  const tokens: string[] = [];
  const kinds: number[] = [];
  for (const [token, id] of Object.entries(vocabulary)) [tokens[id], kinds[id]] = [token, tokenKinds.normal];
  for (const { id, content, special } of added) [tokens[id], kinds[id]] = [content, special === true ? tokenKinds.control : tokenKinds.userDefined];
  if (tokens.length > rows) throw new ConversionError(`The tokenizer has ${tokens.length} tokens, more than the ${rows} rows of the embedding.`, "Download tokenizer.json and the model again: they do not belong together.");
  for (let id = 0; id < rows; id++) {
    if (tokens[id] === undefined) [tokens[id], kinds[id]] = [`[PAD${id}]`, tokenKinds.unused];
  }
  return { tokens, kinds };
}

function specialId(config: Json, tokenizer: Tokenizer, name: string): number | undefined {
  const value = config[name];
  const text = typeof value === "object" && value !== null ? (value as { content?: unknown }).content : value;
  return typeof text === "string" ? tokenizer.tokenId(text) : undefined;
}

function markSentencepiece(tokens: readonly string[], kinds: number[], unknown: number | undefined): void {
  for (const [id, token] of tokens.entries()) if (kinds[id] === tokenKinds.normal && /^<0x[0-9A-F]{2}>$/.test(token)) kinds[id] = tokenKinds.byte;
  if (unknown !== undefined) kinds[unknown] = tokenKinds.unknown;
}

/** What is put around a text. */
function aroundText(tokenizer: Tokenizer, begin: number | undefined): { readonly begins: boolean; readonly ends: boolean } {
  const [inner, whole] = [tokenizer.encode("a", { addSpecialTokens: false }), tokenizer.encode("a")];
  const begins = begin !== undefined && whole[0] === begin && inner[0] !== begin;
  return { begins, ends: whole.length > inner.length + (begins ? 1 : 0) };
}

function putsSpaceInFront(tokenizer: Tokenizer): boolean {
  const [id] = tokenizer.encode("a", { addSpecialTokens: false });
  return id !== undefined && tokenizer.token(id)?.startsWith("\u2581") === true;
}

const insensitive = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";

/** The name of what cuts a text before it is merged. @throws ConversionError */
function preTokenizerOf(tokenizer: Json, model: Json): string {
  const normalizer = tokenizer["normalizer"] as Json | null | undefined;
  if (normalizer !== null && normalizer !== undefined && normalizer["type"] !== "NFC") throw new ConversionError(`The tokenizer changes texts (${JSON.stringify(normalizer["type"])}) before it cuts them, which GGUF files do not say.`, hint);
  const outer = tokenizer["pre_tokenizer"] as Json | null | undefined;
  const steps = (outer?.["type"] === "Sequence" ? outer["pretokenizers"] : [outer]) as readonly (Json | null | undefined)[];
  const patterns = steps.flatMap((step) => {
    if (step?.["type"] === "ByteLevel" && step["add_prefix_space"] !== true) return step["use_regex"] === false ? [] : ["byte-level"];
    if (step?.["type"] === "Digits" && step["individual_digits"] === true) return ["digit"];
    const regex = (step?.["pattern"] as Json | undefined)?.["Regex"];
    if (step?.["type"] === "Split" && typeof regex === "string" && step["invert"] !== true && step["behavior"] !== "Removed") return [regex.replaceAll(insensitive, "contraction")];
    throw new ConversionError(`The tokenizer cuts texts in a way (${JSON.stringify(step?.["type"])}) that GGUF files have no name for.`, hint);
  });
  const name = preTokenizerNamed(patterns, model["ignore_merges"] === true);
  if (name === undefined) throw new ConversionError(`The tokenizer cuts texts by a pattern that no GGUF file has a name for: ${patterns.join(" then ").slice(0, 200)}.`, hint);
  return name;
}
