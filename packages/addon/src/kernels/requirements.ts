import type { LayerCache } from "@elastic-attention/attention";
import type { DType, LinearWeight, Tensor } from "@elastic-attention/tensor";

/** Operands by name; undefined ones are not there. */
export type Operands = Readonly<Record<string, Tensor | undefined>>;

/** Makes a check: reasons against operands that are not of the types that kernels compute with. */
export function computeFloats(dtypes: readonly DType[]): (operands: Operands) => readonly string[] {
  return (operands) =>
    Object.entries(operands).flatMap(([name, tensor]) =>
      tensor === undefined || dtypes.includes(tensor.dtype)
        ? []
        : [`${name} is ${tensor.dtype}, the kernel computes with ${dtypes.join(" and ")}`],
    );
}

/** Reasons against operands of different dtypes. */
export function requireSameDType(operands: Operands): readonly string[] {
  const dtypes = Object.entries(operands).map(([name, tensor]) => `${name} ${tensor?.dtype}`);
  const different = new Set(Object.values(operands).map((tensor) => tensor?.dtype)).size > 1;
  return different ? [`operands differ in dtype: ${dtypes.join(", ")}`] : [];
}

/** Reasons against operands that are not floats. */
export function requireFloats(operands: Operands): readonly string[] {
  return Object.entries(operands).flatMap(([name, tensor]) =>
    tensor?.dtype === "i32" || tensor?.dtype === "u8" ? [`${name} is ${tensor.dtype}, floats are needed`] : [],
  );
}

/** Reasons against caches whose slots are not rows. */
export function requireRows(caches: readonly LayerCache[]): readonly string[] {
  return caches.some(({ pages }) => pages !== undefined) ? ["the cache lies in pages, the kernel reads rows"] : [];
}

/** A weight in blocks is read by kernels of its own. */
export function requirePlainWeight(weight: LinearWeight): readonly string[] {
  return weight.blockLayout === undefined ? [] : ["the weight is in blocks: load it unpacked, as bf16 or f32"];
}
