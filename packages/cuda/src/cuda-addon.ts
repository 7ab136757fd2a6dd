import {
  type AddonFile,
  findAddonFile,
  loadAddon as loadAddonFile,
  type LoadedAddon,
  type NativeAddon,
  type NativeKernel,
  requiredExports,
} from "@elastic-attention/addon";
import { BackendUnavailableError } from "@elastic-attention/core";
import type { RoundedCacheAddon } from "./rounded-cache/rounded-cache-kernels.js";
import type { WeightAddon } from "./weights/weight-kernels.js";

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
export interface CudaAddon extends NativeAddon, RoundedCacheAddon, WeightAddon {
  /** @throws Error that says why there is no device */
  deviceInformation(): CudaDevice;
  synchronize(): void;
  decodePlanBytes(values: Float64Array): number;
  planDecode: NativeKernel;
  prepareDecode: NativeKernel;
  decodeAttention: NativeKernel;
  sampleTokens: NativeKernel;
  logProbabilities: NativeKernel;
  beginCapture: NativeKernel;
  /** The number of the graph. */
  endCapture(values: Float64Array): number;
  abandonCapture: NativeKernel;
  replayGraph: NativeKernel;
  releaseGraph: NativeKernel;
  /** (rank, size) -> what the other ranks need to write into this GPU's memory. */
  openPeers(values: Float64Array): Uint8Array;
  /** The same of all ranks, one after another -> why that cannot be; empty when it can. */
  connectPeers(handles: Uint8Array): string;
  peerAllReduce: NativeKernel;
  peerGatherColumns: NativeKernel;
}

/** Where the addon is: `ELASTIC_ATTENTION_CUDA_ADDON`, a clone's own build, or this platform's package; undefined when nowhere. */
export function addonPath(): string | undefined {
  return addonFile().path;
}

function addonFile(): AddonFile {
  return findAddonFile({ name: "cuda", from: import.meta.url, build: "`pnpm build:cuda` makes it, with nvcc of CUDA 12.4 or newer" });
}

/** The addon, or why it cannot be used; whether there is a device it does not say. */
export function findAddon(): LoadedAddon<CudaAddon> {
  return loadAddonFile<CudaAddon>({
    ...addonFile(),
    exports: [...requiredExports, ...cudaExports],
  });
}

const cudaExports = [
  "deviceInformation",
  "synchronize",
  "decodePlanBytes",
  "planDecode",
  "prepareDecode",
  "decodeAttention",
  "sampleTokens",
  "logProbabilities",
  "beginCapture",
  "endCapture",
  "abandonCapture",
  "replayGraph",
  "releaseGraph",
  "cacheAppendRounded",
  "unpackCache",
  "blockWeightBytes",
  "packBlocks",
  "quantiseWeight",
  "linearBlocks",
  "openPeers",
  "connectPeers",
  "peerAllReduce",
  "peerGatherColumns",
] as const satisfies readonly (keyof CudaAddon)[];

/** Loads the addon once. @throws BackendUnavailableError that says why it cannot be used */
export function loadAddon(): CudaAddon {
  const { addon, problem } = findAddon();
  if (addon !== undefined) return addon;
  throw new BackendUnavailableError("cuda", [problem], "Run `elastic-attention doctor` to see the state of every backend.");
}
