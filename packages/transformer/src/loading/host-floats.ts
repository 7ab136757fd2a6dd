import { ModelConfigError } from "@elastic-attention/core";
import { fromBFloat16, fromFloat16 } from "@elastic-attention/tensor";

/** Widens checkpoint bytes to float32. @throws ModelConfigError for element types that are no floats. */
export function hostFloats(bytes: Uint8Array, type: string): Float32Array {
  const { buffer, byteOffset, byteLength } = bytes;
  switch (type) {
    case "F32":
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case "F64":
      return Float32Array.from(new Float64Array(buffer, byteOffset, byteLength / 8));
    case "BF16":
      return Float32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2), fromBFloat16);
    case "F16":
      return Float32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2), fromFloat16);
    default:
      throw new ModelConfigError(`Weights of type ${type} cannot be read; expected F32, BF16 or F16.`);
  }
}

/** Index of the first element that is not a finite number, -1 when all are. */
export function findNotFinite(bytes: Uint8Array, type: string): number {
  const { buffer, byteOffset, byteLength } = bytes;
  if (type === "BF16" || type === "F16") {
    const exponent = type === "BF16" ? 0x7f80 : 0x7c00;
    const patterns = new Uint16Array(buffer, byteOffset, byteLength / 2);
    for (let i = 0; i < patterns.length; i++) if ((patterns[i]! & exponent) === exponent) return i;
    return -1;
  }
  if (type === "F32") {
    const patterns = new Uint32Array(buffer, byteOffset, byteLength / 4);
    for (let i = 0; i < patterns.length; i++) if ((patterns[i]! & 0x7f800000) === 0x7f800000) return i;
  }
  return -1;
}
