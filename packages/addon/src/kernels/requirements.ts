import type { LayerCache } from "@elastic-attention/attention";
import type { DType, LinearWeight, Tensor } from "@elastic-attention/tensor";
import type { NativeBackendTraits } from "../native-backend.js";

/** Operands by name; undefined ones are not there. */
export type Operands = Readonly<Record<string, Tensor | undefined>>;

/** Makes a check: reasons against operands that are not of the types that kernels compute with. */
export function computeFloats(dtypes: readonly DType[]): (operands: Operands) => readonly string[] {
  return (operands) => reasonsAgainst(operands, (name, { dtype }) => (dtypes.includes(dtype) ? undefined : `${name} is ${dtype}, the kernel computes with ${dtypes.join(" and ")}`));
}

/** Makes a check: reasons against a cache in a type that kernels do not read. */
export function readableRows({ computeDTypes, cacheTypes = [] }: Pick<NativeBackendTraits, "computeDTypes" | "cacheTypes">): (cache: LayerCache) => readonly string[] {
  const floats = computeFloats(computeDTypes);
  return ({ keys, cacheType }) => {
    if (cacheType === undefined) return floats({ "the cache": keys });
    return cacheTypes.includes(cacheType) ? noReasons : [`the cache is kept in ${cacheType}, the kernel reads ${[...computeDTypes, ...cacheTypes].join(" and ")}`];
  };
}

/** Reasons against operands of different dtypes. */
export function requireSameDType(operands: Operands): readonly string[] {
  const dtypes = Object.entries(operands).map(([name, tensor]) => `${name} ${tensor?.dtype}`);
  const different = new Set(Object.values(operands).map((tensor) => tensor?.dtype)).size > 1;
  return different ? [`operands differ in dtype: ${dtypes.join(", ")}`] : [];
}

/** Reasons against operands that are not floats. */
export function requireFloats(operands: Operands): readonly string[] {
  return reasonsAgainst(operands, (name, { dtype }) => (dtype === "i32" || dtype === "u8" ? `${name} is ${dtype}, floats are needed` : undefined));
}

const noReasons: readonly string[] = [];

/** What is wrong with each operand that is there. Asked before every call: where nothing is wrong nothing is allocated. */
function reasonsAgainst(operands: Operands, problemOf: (name: string, tensor: Tensor) => string | undefined): readonly string[] {
  let reasons: string[] | undefined;
  for (const name in operands) {
    const tensor = operands[name];
    const problem = tensor === undefined ? undefined : problemOf(name, tensor);
    if (problem !== undefined) (reasons ??= []).push(problem);
  }
  return reasons ?? noReasons;
}

/** Reasons against caches whose slots are not rows. */
export function requireRows(caches: readonly LayerCache[]): readonly string[] {
  return caches.some(({ pages }) => pages !== undefined) ? ["the cache lies in pages, the kernel reads rows"] : [];
}

/** A weight in blocks is read by kernels of its own. */
export function requirePlainWeight(weight: LinearWeight): readonly string[] {
  return weight.blockLayout === undefined ? [] : ["the weight is in blocks: load it unpacked, as bf16 or f32"];
}
