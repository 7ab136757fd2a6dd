import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { NativeAddon, NativeKernel } from "@elastic-attention/addon";

/** What the addon says of the device. */
export interface CudaDevice {
  readonly name: string;
  /** Compute capability: 90 for Hopper. */
  readonly capability: number;
  readonly multiprocessors: number;
  readonly memoryBytes: number;
  /** Why cuBLASLt cannot be used; empty when it can. */
  readonly matrixProductProblem: string;
}

/** What the addon exports. */
export interface CudaAddon extends NativeAddon {
  /** @throws Error that says why there is no device */
  deviceInformation(): CudaDevice;
  synchronize(): void;
  decodePlanBytes(values: Float64Array): number;
  planDecode: NativeKernel;
  prepareDecode: NativeKernel;
  decodeAttention: NativeKernel;
  sampleTokens: NativeKernel;
  beginCapture: NativeKernel;
  /** The number of the graph. */
  endCapture(values: Float64Array): number;
  abandonCapture: NativeKernel;
  replayGraph: NativeKernel;
  releaseGraph: NativeKernel;
}

/** Where the addon is built, seen from `src` and from `dist` alike; `ELASTIC_ATTENTION_CUDA_ADDON` names another. */
export function addonPath(): string {
  const built = fileURLToPath(new URL("../build/Release/elastic_attention_cuda.node", import.meta.url));
  return process.env["ELASTIC_ATTENTION_CUDA_ADDON"] ?? built;
}

let loaded: CudaAddon | undefined;

/** Loads the addon once. @throws whatever the dynamic loader says; `cudaProvider.available` turns it into reasons. */
export function loadAddon(): CudaAddon {
  loaded ??= createRequire(import.meta.url)(addonPath()) as CudaAddon;
  return loaded;
}
