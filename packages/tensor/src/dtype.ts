/** Element types of tensors. Floats: `f32`, `bf16`, `f16`; integers: `i32`, `u8`. */
export type DType = "f32" | "bf16" | "f16" | "i32" | "u8";

/** The floating-point element types. */
export type FloatDType = "f32" | "bf16" | "f16";

const byteSizes: Record<DType, number> = { f32: 4, bf16: 2, f16: 2, i32: 4, u8: 1 };

/** Bytes of one element. */
export function dtypeByteSize(dtype: DType): number {
  return byteSizes[dtype];
}

/** Whether `dtype` holds floating-point numbers. */
export function isFloat(dtype: DType): dtype is FloatDType {
  return dtype === "f32" || dtype === "bf16" || dtype === "f16";
}

/** Host arrays a tensor's bytes can be seen as: bf16 and f16 as their 16-bit patterns. */
export type HostArray = Float32Array | Uint16Array | Int32Array | Uint8Array;

/** Sees `bytes` (4-byte aligned, as `download` returns them) as the array that fits `dtype`, without a copy. */
export function hostArray(bytes: Uint8Array, dtype: DType): HostArray {
  const { buffer, byteOffset, byteLength } = bytes;
  switch (dtype) {
    case "f32":
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case "bf16":
    case "f16":
      return new Uint16Array(buffer, byteOffset, byteLength / 2);
    case "i32":
      return new Int32Array(buffer, byteOffset, byteLength / 4);
    case "u8":
      return bytes;
  }
}

const scratchFloat = new Float32Array(1);
const scratchBits = new Uint32Array(scratchFloat.buffer);

/** Rounds to bfloat16, nearest even; NaN stays NaN. Returns the 16-bit pattern. */
export function toBFloat16(value: number): number {
  scratchFloat[0] = value;
  const bits = scratchBits[0]!;
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The number a bfloat16 pattern stands for. */
export function fromBFloat16(pattern: number): number {
  scratchBits[0] = pattern << 16;
  return scratchFloat[0]!;
}

/** Rounds to IEEE half precision, nearest even; overflow gives infinity, NaN stays NaN. Returns the 16-bit pattern. */
export function toFloat16(value: number): number {
  scratchFloat[0] = value;
  const bits = scratchBits[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal halves are multiples of 2^-24; rint by adding and subtracting 2^23 rounds to nearest even.
    return sign | Math.fround(Math.fround(Math.abs(scratchFloat[0]!) * 2 ** 24) + 2 ** 23) - 2 ** 23;
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** The number a half-precision pattern stands for. */
export function fromFloat16(pattern: number): number {
  const sign = pattern & 0x8000 ? -1 : 1;
  const exponent = (pattern >>> 10) & 0x1f;
  const fraction = pattern & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
