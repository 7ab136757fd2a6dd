import { GgufCheckpoint, type GgufTensorSource, type GgufWriteValue } from "@elastic-attention/tensor";
import { checkConvertedType, type ConvertedType } from "./converted-types.js";
import { convertedRows } from "../loading/rows/converted-rows.js";
import { fileTypeKeys } from "./gguf-file-type.js";
import type { GgufTarget } from "./gguf-target.js";
import { TypeChoices } from "./type-choices.js";

/** The model of a GGUF file in another type, its metadata as it is; parts become one file. @throws ConversionError */
export function ggufCopy(path: string, type: ConvertedType | undefined): GgufTarget & Disposable {
  checkConvertedType(type, "gguf");
  const checkpoint = GgufCheckpoint.open(path);
  const choices = new TypeChoices(type, "gguf");
  const tensors = new Map<string, GgufTensorSource>();
  for (const name of checkpoint.names) {
    const entry = checkpoint.entry(name);
    const isVector = entry.shape.length === 1 || /ffn_gate_inp/.test(name);
    const chosen = isVector ? entry.type : choices.matrix(name, entry);
    tensors.set(name, { type: chosen, shape: entry.shape, bytes: () => convertedRows(checkpoint, name, chosen) });
  }
  const { metadata } = checkpoint;
  const kept = [...metadata.keys].filter((key) => !key.startsWith("split.") && key !== "general.alignment");
  const written = new Map<string, GgufWriteValue>(kept.map((key) => [key, metadata.encoded(key)]));
  if (type !== undefined) for (const [key, value] of fileTypeKeys(choices)) written.set(key, value);
  return { metadata: written, tensors, choices, [Symbol.dispose]: () => checkpoint.close() };
}
