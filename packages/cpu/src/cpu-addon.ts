import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import type { NativeAddon } from "@elastic-attention/addon";

/** What the addon exports. */
export interface CpuAddon extends NativeAddon {
  detectedInstructionSet(): number;
  limitInstructionSet(values: Float64Array): number;
  setThreads(values: Float64Array): number;
}

/** Where the addon is built, seen from `src` and from `dist` alike; `ELASTIC_ATTENTION_CPU_ADDON` names another. */
export function addonPath(): string {
  const built = fileURLToPath(new URL("../build/Release/elastic_attention_cpu.node", import.meta.url));
  return process.env["ELASTIC_ATTENTION_CPU_ADDON"] ?? built;
}

let loaded: CpuAddon | undefined;

/** Loads the addon once. @throws whatever the dynamic loader says; `cpuProvider.available` turns it into reasons. */
export function loadAddon(): CpuAddon {
  loaded ??= createRequire(import.meta.url)(addonPath()) as CpuAddon;
  return loaded;
}
