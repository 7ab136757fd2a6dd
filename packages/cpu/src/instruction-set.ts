import { InvalidOptionError } from "@elastic-attention/core";
import type { CpuAddon } from "./cpu-addon.js";

/** What kernels may use: levels of x86-64, and of 64-bit ARM, where every processor has NEON and plain kernels are compiled to it. */
export type InstructionSet = "plain" | "avx2" | "avx-vnni" | "avx512" | "avx512-bf16" | "amx" | "neon-dot" | "neon-bf16";

/** All levels of this family of processors, lowest first; each includes the ones before it, but for AVX-VNNI, which few with AVX-512 have. */
export const instructionSets: readonly InstructionSet[] =
  process.arch === "arm64" ? ["plain", "neon-dot", "neon-bf16"] : ["plain", "avx2", "avx-vnni", "avx512", "avx512-bf16", "amx"];

const names: Record<InstructionSet, string> = {
  plain: process.arch === "arm64" ? "NEON" : "plain",
  avx2: "AVX2",
  "avx-vnni": "AVX-VNNI",
  avx512: "AVX-512",
  "avx512-bf16": "AVX-512 BF16",
  amx: "AMX",
  "neon-dot": "NEON dot product",
  "neon-bf16": "NEON bf16",
};

/** The level as people write it. */
export function instructionSetName(level: InstructionSet): string {
  return names[level];
}

/** The best level of this machine. */
export function detectedInstructionSet(addon: CpuAddon): InstructionSet {
  return availableInstructionSets(addon).at(-1)!;
}

/** The levels that this machine can run and that the addon was built with, lowest first. */
export function availableInstructionSets(addon: CpuAddon): readonly InstructionSet[] {
  return levelsOf(addon.availableInstructionSets());
}

/** The levels that this machine has and that the addon was built without, lowest first: a first command builds only what it needs. */
export function leftOutInstructionSets(addon: CpuAddon): readonly InstructionSet[] {
  return levelsOf(addon.processorInstructionSets() & ~addon.availableInstructionSets());
}

function levelsOf(bits: number): readonly InstructionSet[] {
  return instructionSets.filter((_, code) => (bits >> code) & 1);
}

/** The command that builds the levels that are left out. */
export const buildAllLevels = "`pnpm build` builds all levels";

/** Limits the level of backends that are started without one. */
export const levelVariable = "ELASTIC_ATTENTION_CPU_LEVEL";

/**
 * The level that kernels run at, and the addon's number for it.
 * @param wanted default: what `ELASTIC_ATTENTION_CPU_LEVEL` names, else the best of this machine
 * @throws InvalidOptionError for a level that is unknown, that this processor does not have, or that the addon was built without
 */
export function usableLevel(addon: CpuAddon, wanted?: string): { readonly level: InstructionSet; readonly code: number } {
  const named = wanted ?? (process.env[levelVariable] || undefined);
  const available = availableInstructionSets(addon);
  const level = named === undefined ? available.at(-1)! : available.find((each) => each === named);
  if (level !== undefined) return { level, code: instructionSets.indexOf(level) };
  const option = wanted === undefined ? levelVariable : "instructionSet";
  const source = wanted === undefined ? `, which ${levelVariable} asks for` : "";
  if (leftOutInstructionSets(addon).some((each) => each === named)) {
    throw new InvalidOptionError(`This build leaves out the level ${named}${source}.`, option, `${buildAllLevels}. This one has: ${available.join(", ")}.`);
  }
  const problem = instructionSets.some((level) => level === named) ? `This processor does not have the level ${named}` : `There is no level ${JSON.stringify(named)}`;
  throw new InvalidOptionError(`${problem}${source}.`, option, `This processor has: ${available.join(", ")}.`);
}
