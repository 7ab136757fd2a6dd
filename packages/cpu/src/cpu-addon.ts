import { fileURLToPath } from "node:url";
import { addonPathFrom, loadAddon as loadAddonFile, type LoadedAddon, type NativeAddon, requiredExports } from "@elastic-attention/addon";
import { BackendUnavailableError } from "@elastic-attention/core";

/** What the addon exports. Called as it is exported, a function runs on all threads and at the best level. */
export interface CpuAddon extends NativeAddon {
  detectedInstructionSet(): number;
  /** (threads, level): the functions of {@link NativeAddon}, each run on so many threads and at most that level. */
  createContext(values: Float64Array): NativeAddon;
}

/** Where the addon is built, seen from `src` and from `dist` alike; `ELASTIC_ATTENTION_CPU_ADDON` names another. */
export function addonPath(): string {
  const built = fileURLToPath(new URL("../build/Release/elastic_attention_cpu.node", import.meta.url));
  return addonPathFrom("ELASTIC_ATTENTION_CPU_ADDON", built);
}

/** The addon, or why it cannot be used. */
export function findAddon(): LoadedAddon<CpuAddon> {
  return loadAddonFile<CpuAddon>({
    path: addonPath(),
    exports: [...requiredExports, "detectedInstructionSet", "createContext"],
    build: "run `pnpm build`, which needs cmake, make and g++",
  });
}

/** Loads the addon once. @throws BackendUnavailableError that says why it cannot be used */
export function loadAddon(): CpuAddon {
  const { addon, problem } = findAddon();
  if (addon !== undefined) return addon;
  throw new BackendUnavailableError("cpu", [problem], "Run `elastic-attention doctor` to see the state of every backend.");
}
