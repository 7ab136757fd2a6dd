import type { Tensor } from "@elastic-attention/tensor";

/** Operands by name; undefined ones are not there. */
export type Operands = Readonly<Record<string, Tensor | undefined>>;

/** Reasons against operands that are not f32 or bf16, the types that kernels compute with. */
export function requireComputeFloats(operands: Operands): readonly string[] {
  return Object.entries(operands).flatMap(([name, tensor]) =>
    tensor === undefined || tensor.dtype === "f32" || tensor.dtype === "bf16"
      ? []
      : [`${name} is ${tensor.dtype}, the kernel computes with f32 and bf16`],
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
