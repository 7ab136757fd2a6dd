import type { BackendUnderTest } from "@elastic-attention/conformance";
import { availableInstructionSets, createCpuBackend, loadAddon } from "../src/index.js";

/** Every level that this machine can run; the tests run each of them. */
export const levels = availableInstructionSets(loadAddon());

export const subjects: readonly BackendUnderTest[] = levels.map((level) => ({
  name: `the cpu at level ${level}`,
  dtypes: ["f32", "bf16"],
  dualEqualsHybrid: true,
  create: () => createCpuBackend({ instructionSet: level, threads: 2 }),
}));
