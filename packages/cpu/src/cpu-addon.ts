import { type AddonFile, findAddonFile, loadAddon as loadAddonFile, type LoadedAddon, type NativeAddon, requiredExports } from "@elastic-attention/addon";
import { BackendUnavailableError } from "@elastic-attention/core";
import type { BlockAddon } from "./block-kernels.js";
import type { DecodeAddon } from "./decode-kernels.js";

/** What the addon exports. Called as it is exported, a function runs on all threads and at the best level. */
export interface CpuAddon extends NativeAddon, BlockAddon, DecodeAddon {
  /** A bit for each level that the processor has and the addon contains. */
  availableInstructionSets(): number;
  /** A bit for each level that the processor has. */
  processorInstructionSets(): number;
  /** (threads, level): the functions of {@link NativeAddon}, each run on so many threads and at most that level. */
  createContext(values: Float64Array): NativeAddon & BlockAddon & DecodeAddon;
}

/** Where the addon is: `ELASTIC_ATTENTION_CPU_ADDON`, a clone's own build, or this platform's package; undefined when nowhere. */
export function addonPath(): string | undefined {
  return addonFile().path;
}

function addonFile(): AddonFile {
  return findAddonFile({ name: "cpu", from: import.meta.url, build: "run `pnpm build`, which needs cmake, make and g++" });
}

/** The addon, or why it cannot be used. */
export function findAddon(): LoadedAddon<CpuAddon> {
  return loadAddonFile<CpuAddon>({
    ...addonFile(),
    exports: [...requiredExports, "availableInstructionSets", "processorInstructionSets", "createContext", "blockWeightBytes", "packBlocks", "unpackBlocks", "linearBlocks", "embedBlocks", "prepareDecode", "decodeAttention"],
  });
}

/** Loads the addon once. @throws BackendUnavailableError that says why it cannot be used */
export function loadAddon(): CpuAddon {
  const { addon, problem } = findAddon();
  if (addon !== undefined) return addon;
  throw new BackendUnavailableError("cpu", [problem], "Run `elastic-attention doctor` to see the state of every backend.");
}
