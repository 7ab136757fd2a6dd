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

/** Makes the process use at most this level; returns the one in use then. @throws ElasticAttentionError for an unknown level */
export function limitInstructionSet(addon: CpuAddon, level: InstructionSet): InstructionSet {
  const index = instructionSets.indexOf(level);
  if (index < 0) {
    throw new ElasticAttentionError("INVALID_OPTION", `Unknown instruction set "${level}".`, {
      hint: `Known: ${instructionSets.join(", ")}.`,
    });
  }
  return instructionSets[addon.limitInstructionSet(Float64Array.of(index))]!;
}
