import { ConversionError } from "@elastic-attention/core";
import { ggufTensorTypes, isElementType, weightFormat, weightQuantisers } from "@elastic-attention/tensor";
import { isBlocked } from "../loading/weight-plan.js";

/** What matrices can be written in: "fp8" in safetensors alone, formats in blocks in GGUF alone. */
export const convertedTypes = ["f32", "bf16", "f16", "q8_0", "q4_k", "fp8"] as const;
export type ConvertedType = (typeof convertedTypes)[number];

export type ConvertedFile = "gguf" | "safetensors";

/** Formats of a narrower fit, for rows that are not whole blocks of a format. */
const smallerBlocks: Readonly<Record<string, readonly string[]>> = { Q4_K: ["Q8_0"] };

/** As files name the type: BF16, Q8_0, F8_E4M3. */
export function typeName(type: ConvertedType): string {
  return type === "fp8" ? "F8_E4M3" : type.toUpperCase();
}

/** Refuses what a kind of file cannot hold. @throws ConversionError */
export function checkConvertedType(type: ConvertedType | undefined, file: ConvertedFile): void {
  if (file === "gguf" && type === "fp8") throw new ConversionError("GGUF files have no type for fp8.", "Take --weights q8_0, or name a folder for safetensors.");
  if (file === "safetensors" && type !== undefined && weightQuantisers.has(typeName(type))) {
    throw new ConversionError(`Safetensors files do not hold weights in ${typeName(type)}.`, "Name a .gguf file, or take --weights fp8.");
  }
}

/**
 * What a matrix is written in: the type that is asked for, else its own where the file can hold it; for rows that are not whole
 * blocks a format of smaller blocks, else 16-bit floats.
 */
export function matrixType(asked: ConvertedType | undefined, file: ConvertedFile, source: string, rowLength: number): string {
  const wanted = asked === undefined ? source : typeName(asked);
  if (!canHold(file, wanted)) return source === "F64" ? "F32" : "BF16";
  const fits = [wanted, ...(smallerBlocks[wanted] ?? [])].find((format) => format === "F8_E4M3" || rowLength % weightFormat(format, "a matrix").blockSize === 0);
  return fits ?? (source === "F16" ? "F16" : "BF16");
}

/** What a vector or the router of experts is written in: GGUF files have those in float32. */
export function vectorType(file: ConvertedFile, asked: ConvertedType | undefined, source: string): string {
  return file === "gguf" || asked === "f32" || source === "F64" ? "F32" : source;
}

function canHold(file: ConvertedFile, type: string): boolean {
  if (file === "safetensors") return isElementType(type) && type !== "F64";
  return [...ggufTensorTypes.values()].some(({ name }) => name === type) && type !== "F64" && (isBlocked(type) || ["F32", "F16", "BF16"].includes(type));
}
