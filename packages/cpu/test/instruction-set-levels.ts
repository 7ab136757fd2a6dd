import type { BackendUnderTest } from "@elastic-attention/conformance";
import { createCpuBackend, detectedInstructionSet, instructionSets, loadAddon } from "../src/index.js";

/** Every level that this machine can run; the tests run each of them. */
export const levels = instructionSets.slice(0, instructionSets.indexOf(detectedInstructionSet(loadAddon())) + 1);

export const subjects: readonly BackendUnderTest[] = levels.map((level) => ({
  name: `the cpu at level ${level}`,
  dtypes: ["f32", "bf16"],
  dualEqualsHybrid: true,
  create: () => createCpuBackend({ instructionSet: level, threads: 2 }),
}));
