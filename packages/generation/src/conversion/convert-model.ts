import { basename, resolve } from "node:path";
import { writeLargeFile } from "@elastic-attention/core";
import { ggufDataBytes, ggufPieces } from "@elastic-attention/tensor";
import { checkModel, type CheckedModel, type ConvertedType, ggufCopy, type GgufTarget, ggufTarget, hasOwnRouters, openModelFiles, safetensorsCopy, type SafetensorsTarget, safetensorsTarget } from "@elastic-attention/transformer";
import { readGenerationConfig } from "../defaults/generation-config.js";
import { Tokenizer } from "../tokenizer/tokenizer.js";
import { readTokenizerFiles } from "../tokenizer/tokenizer-files.js";
import { checkPlace } from "./check-place.js";
import { companionFiles, folderFiles, routerFiles } from "./folder-files.js";
import { checkSameTokenizer, describedTokenizer } from "./same-tokenizer.js";
import { tokenizerJson } from "./tokenizer-json.js";
import { type NamedIds, vocabularyKeys } from "./vocabulary-keys.js";
import { type WritingOptions, writeFolder } from "./write-folder.js";

export interface ConvertModelOptions extends WritingOptions {
  /** Folder, .safetensors or .gguf file. */
  readonly path: string;
  /** A name that ends in .gguf: one file; any other: a folder. */
  readonly out: string;
  /** Type of matrices; default: as they are. */
  readonly weights?: ConvertedType | undefined;
  /** What the model is called in the file. Default: the last part of `path`. */
  readonly name?: string;
  /** Takes the place of what is there. */
  readonly overwrite?: boolean;
}

export interface ConvertedModel {
  readonly path: string;
  /** Bytes of the weights before, and of the files now. */
  readonly bytesBefore: number;
  readonly bytes: number;
  /** What matrices are written in, the type of most weights first. */
  readonly types: readonly string[];
  /** What a user should know, in sentences. */
  readonly notes: readonly string[];
}

/**
 * Writes a model as a GGUF file or as a folder of transformers, its weights in another type where one is asked for; slice by
 * slice, whatever its size. What cannot be converted is refused before anything is written.
 * @throws ConversionError, FileWriteError, ModelConfigError for weights that are not finite, and the errors of `openModelFiles`,
 *   `checkModel` and `Tokenizer.load`; the signal's reason, with nothing left behind
 */
export async function convertModel(options: ConvertModelOptions): Promise<ConvertedModel> {
  const { path, out, overwrite = false } = options;
  using files = openModelFiles(path);
  checkPlace(out, { path, directory: files.directory, ggufPath: files.ggufPath }, overwrite);
  const checked = checkModel(files);
  return await (out.endsWith(".gguf") ? toGguf(checked, options) : toFolder(checked, options));
}

async function toGguf(checked: CheckedModel, options: ConvertModelOptions): Promise<ConvertedModel> {
  const { files } = checked;
  const { path, out, name = basename(resolve(path)).replace(/\.safetensors$/, ""), onProgress, signal } = options;
  using copy = files.ggufPath === undefined ? undefined : ggufCopy(files.ggufPath, options.weights);
  const target = copy ?? fromFolder(checked, unpackedType(checked, options.weights), name);
  const { metadata, tensors, choices } = target;
  const total = ggufDataBytes(tensors);
  let bytes = 0;
  const written = (done: number) => {
    bytes = done;
    onProgress?.(Math.min(done, total), total);
  };
  await writeLargeFile(out, ggufPieces(metadata, tensors), { signal, onProgress: written });
  return { path: out, bytesBefore: files.checkpoint.byteLength, bytes, types: choices.types, notes: [...choices.notes, ...sourceNotes(checked, options), ...("notes" in target ? target.notes : []), ...routerNotes(checked, out)] };
}

function fromFolder(checked: CheckedModel, type: ConvertedType | undefined, name: string): GgufTarget & { readonly notes: readonly string[] } {
  const { files: { directory }, spec } = checked;
  const tokenizerFiles = readTokenizerFiles(directory);
  const tokenizer = new Tokenizer(tokenizerFiles);
  const begin = tokenizerFiles.config["bos_token"];
  const beginText = typeof begin === "object" && begin !== null ? (begin as { content?: unknown }).content : begin;
  const ids: NamedIds = {
    begin: spec.beginOfTextId ?? (typeof beginText === "string" ? tokenizer.tokenId(beginText) : undefined),
    ends: [...new Set([...spec.endOfTextIds, ...readGenerationConfig(directory).endOfTextIds])],
  };
  const keys = vocabularyKeys(tokenizerFiles, spec.vocabularySize, ids);
  const described = describedTokenizer(keys);
  checkSameTokenizer(tokenizer, described, spec.vocabularySize);
  const lost = ids.ends.filter((id) => !described.endOfText.includes(id));
  const notes = [
    ...(tokenizerFiles.tokenizer["normalizer"] ? ["The tokenizer composes characters (NFC) before it cuts a text, which GGUF files do not say: composed texts have the same tokens."] : []),
    ...(lost.length === 0 ? [] : [`GGUF files name three tokens that end an answer; these of the model are left out: ${lost.join(", ")}.`]),
  ];
  return { ...ggufTarget(checked, type, keys, name), notes };
}

async function toFolder(checked: CheckedModel, options: ConvertModelOptions): Promise<ConvertedModel> {
  const { files } = checked;
  const { path, out, weights, overwrite = false } = options;
  using copy = files.ggufPath === undefined && weights === undefined ? safetensorsCopy(path, files.config.json) : undefined;
  const target: SafetensorsTarget = copy ?? safetensorsTarget(checked, weights);
  const companions = files.ggufPath === undefined ? companionFiles(files.directory) : [...routerFiles(files.directory), ...tokenizerFilesOf(checked)];
  const bytes = await writeFolder(out, target.tensors, [...folderFiles(target.config), ...companions], { ...options, overwrite });
  return { path: out, bytesBefore: files.checkpoint.byteLength, bytes, types: target.choices.types, notes: [...target.choices.notes, ...(copy === undefined ? sourceNotes(checked, options) : [])] };
}

/** What tokenizer and answers need, from the metadata of a GGUF file. @throws ConversionError */
function tokenizerFilesOf({ files, spec }: CheckedModel) {
  const before = Tokenizer.ofModel(files);
  const made = tokenizerJson(files.ggufMetadata!, spec.contextLength);
  checkSameTokenizer(before, new Tokenizer(made), spec.vocabularySize);
  const text = (name: string, content: unknown) => ({ name, content: typeof content === "string" ? content : `${JSON.stringify(content, undefined, 2)}\n` });
  const ids = { ...(spec.beginOfTextId === undefined ? {} : { bos_token_id: spec.beginOfTextId }), eos_token_id: [...new Set([...spec.endOfTextIds, ...before.endOfText])] };
  return [
    text("tokenizer.json", JSON.stringify(made.tokenizer)),
    text("tokenizer_config.json", made.config),
    text("generation_config.json", ids),
    ...(made.chatTemplate === undefined ? [] : [text("chat_template.jinja", made.chatTemplate)]),
  ];
}

/** Matrices of GPTQ and the like have no type of a GGUF file. */
function unpackedType({ files }: CheckedModel, type: ConvertedType | undefined): ConvertedType | undefined {
  return type ?? (files.quantisation === undefined ? undefined : "bf16");
}

function sourceNotes({ files, unreadTensors }: CheckedModel, { out, weights }: ConvertModelOptions): string[] {
  const isGguf = out.endsWith(".gguf");
  return [
    ...(files.quantisation === undefined ? [] : [`The weights are quantised as ${files.quantisation}: they are unpacked to float32 and written in ${weights ?? "bf16"}.`]),
    ...(isGguf && unreadTensors.length > 0 ? [`Tensors that the model does not use are left out: ${unreadTensors.slice(0, 4).join(", ")}${unreadTensors.length > 4 ? ` and ${unreadTensors.length - 4} more` : ""}.`] : []),
  ];
}

/** A GGUF file has no place for routers. */
function routerNotes(checked: CheckedModel, out: string): string[] {
  const { files, adapter, spec } = checked;
  if (files.ggufPath === undefined && hasOwnRouters(files, adapter, spec)) return ["The checkpoint's own routers are left out: a GGUF file has no place for them. Name a folder to keep them."];
  const beside = routerFiles(files.directory).map(({ name }) => name);
  if (beside.length === 0 || resolve(out, "..") === resolve(files.directory)) return [];
  return [`${beside.join(" and ")} of ${files.directory} ${beside.length === 1 ? "is" : "are"} no part of a GGUF file: copy ${beside.length === 1 ? "it" : "them"} beside it, and the model is routed as before.`];
}

