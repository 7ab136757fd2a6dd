import { ModelConfigError } from "@elastic-attention/core";
import { weightFormats } from "@elastic-attention/tensor";
import { notFinite } from "./rows/unpack-rows.js";

/** Checkpoint bytes as float32, whatever their format. @throws ModelConfigError for element types that are no floats. */
export function hostFloats(bytes: Uint8Array, type: string): Float32Array {
  const { buffer, byteOffset, byteLength } = bytes;
  switch (type) {
    case "F32":
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case "F64":
      return Float32Array.from(new Float64Array(buffer, byteOffset, byteLength / 8));
    default: {
      const format = weightFormats.get(type);
      if (format === undefined) throw new ModelConfigError(`Weights of type ${type} cannot be read; expected F32, BF16 or F16.`);
      const values = new Float32Array((byteLength / format.blockBytes) * format.blockSize);
      format.dequantize(bytes, values);
      return values;
    }
  }
}

/**
 * The same for a tensor, or a part of one, whose numbers must be finite.
 * @param firstElement of the part, for the message
 * @throws ModelConfigError also for a value that is not finite
 */
export function finiteFloats(bytes: Uint8Array, type: string, name: string, firstElement = 0): Float32Array {
  const values = hostFloats(bytes, type);
  const broken = findNotFinite(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), "F32");
  if (broken >= 0) throw notFinite(name, firstElement + broken);
  return values;
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
