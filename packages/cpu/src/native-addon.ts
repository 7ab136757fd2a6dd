import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** A kernel of the addon: its arguments packed by {@link CallArguments}. Throws TypeError, RangeError or Error. */
export type NativeKernel = (values: Float64Array) => void;

/** What the addon exports. */
export interface NativeAddon {
  allocate(values: Float64Array): number;
  release(values: Float64Array): boolean;
  write(tensor: Float64Array, data: Uint8Array): void;
  read(tensor: Float64Array, data: Uint8Array): void;
  detectedInstructionSet(): number;
  limitInstructionSet(values: Float64Array): number;
  setThreads(values: Float64Array): number;
  packedWeightBytes(values: Float64Array): number;
  packLinear: NativeKernel;
  linear: NativeKernel;
  rmsNorm: NativeKernel;
  headNorm: NativeKernel;
  rotary: NativeKernel;
  swiglu: NativeKernel;
  embedding: NativeKernel;
  add: NativeKernel;
  cast: NativeKernel;
  softmax: NativeKernel;
  argmax: NativeKernel;
  copySpans: NativeKernel;
  cacheAppend: NativeKernel;
  hybridAttention: NativeKernel;
  xattentionEstimate: NativeKernel;
  routerLogits: NativeKernel;
}

/** Where the addon is built, seen from `src` and from `dist` alike; `ELASTIC_ATTENTION_CPU_ADDON` names another. */
export function addonPath(): string {
  const built = fileURLToPath(new URL("../build/Release/elastic_attention_cpu.node", import.meta.url));
  return process.env["ELASTIC_ATTENTION_CPU_ADDON"] ?? built;
}

let loaded: NativeAddon | undefined;

/** Loads the addon once. @throws whatever the dynamic loader says; `cpuProvider.available` turns it into reasons. */
export function loadAddon(): NativeAddon {
  loaded ??= createRequire(import.meta.url)(addonPath()) as NativeAddon;
  return loaded;
}
