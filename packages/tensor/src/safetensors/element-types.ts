import type { DType } from "../dtype.js";

/** Bits of one element of each type that a safetensors file can name. */
export const elementTypeBits = {
  BOOL: 8, U8: 8, I8: 8, F8_E5M2: 8, F8_E4M3: 8, I16: 16, U16: 16, F16: 16, BF16: 16,
  I32: 32, U32: 32, F32: 32, F64: 64, I64: 64, U64: 64,
} as const;

/** Element types that the format names. */
export type ElementType = keyof typeof elementTypeBits;

export function isElementType(name: string): name is ElementType {
  return Object.hasOwn(elementTypeBits, name);
}

/** Bytes of one element. */
export function elementByteSize(type: ElementType): number {
  return elementTypeBits[type] / 8;
}

const dtypes: Partial<Record<ElementType, DType>> = { F32: "f32", BF16: "bf16", F16: "f16", I32: "i32", U8: "u8" };
const elementTypes: Record<DType, ElementType> = { f32: "F32", bf16: "BF16", f16: "F16", i32: "I32", u8: "U8" };

/** The tensor dtype with the same bytes as elements of a type; undefined where there is none (I64, F64, Q4_K, …). */
export function elementDType(type: string): DType | undefined {
  return isElementType(type) ? dtypes[type] : undefined;
}

/** The format's name for a tensor dtype. */
export function dtypeElement(dtype: DType): ElementType {
  return elementTypes[dtype];
}
