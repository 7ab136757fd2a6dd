import { ElasticAttentionError } from "@elastic-attention/core";
import type { CpuAddon } from "./cpu-addon.js";

/** What kernels may use; each includes the ones before it. */
export type InstructionSet = "plain" | "avx2" | "avx512" | "avx512-bf16" | "amx";

/** All levels, lowest first. */
export const instructionSets: readonly InstructionSet[] = ["plain", "avx2", "avx512", "avx512-bf16", "amx"];

const names: Record<InstructionSet, string> = {
  plain: "plain",
  avx2: "AVX2",
  avx512: "AVX-512",
  "avx512-bf16": "AVX-512 BF16",
  amx: "AMX",
};

/** The level as people write it. */
export function instructionSetName(level: InstructionSet): string {
  return names[level];
}

/** The best level of this machine. */
export function detectedInstructionSet(addon: CpuAddon): InstructionSet {
  return instructionSets[addon.detectedInstructionSet()]!;
}

/** The level that kernels run at when they may use at most this one. @throws ElasticAttentionError for an unknown level */
export function usableLevel(addon: CpuAddon, most: InstructionSet): { readonly level: InstructionSet; readonly code: number } {
  const index = instructionSets.indexOf(most);
  if (index < 0) {
    throw new ElasticAttentionError("INVALID_OPTION", `Unknown instruction set "${most}".`, {
      hint: `Known: ${instructionSets.join(", ")}.`,
    });
  }
  const code = Math.min(index, addon.detectedInstructionSet());
  return { level: instructionSets[code]!, code };
}
