import { type GgufWriteValue, weightFormats } from "@elastic-attention/tensor";
import type { TypeChoices } from "./type-choices.js";

/** How `general.file_type` numbers the type of most weights, where it has a number for it. */
const fileTypes: Readonly<Record<string, number>> = { F32: 0, F16: 1, Q4_0: 2, Q4_1: 3, Q8_0: 7, Q5_0: 8, Q5_1: 9, Q4_K: 14, Q5_K: 16, Q6_K: 18, IQ4_NL: 25, BF16: 32 };

/** The keys that say what a file's weights are in, to those who list files. */
export function fileTypeKeys({ main, types }: TypeChoices): readonly (readonly [string, GgufWriteValue])[] {
  const quantised = types.some((type) => (weightFormats.get(type)?.blockSize ?? 1) > 1);
  const number = fileTypes[main];
  return [
    ...(number === undefined ? [] : [["general.file_type", { type: "u32", value: number }] as const]),
    ...(quantised ? [["general.quantization_version", { type: "u32", value: 2 }] as const] : []),
  ];
}
