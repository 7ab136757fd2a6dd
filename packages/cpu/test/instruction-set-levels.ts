import type { BackendUnderTest } from "@elastic-attention/conformance";
import { availableInstructionSets, createCpuBackend, loadAddon } from "../src/index.js";

/** Every level that this machine can run; the tests run each of them. */
export const levels = availableInstructionSets(loadAddon());

const subjectOf = (level: (typeof levels)[number]): BackendUnderTest => ({
  name: `the cpu at level ${level}`,
  dtypes: ["f32", "bf16"],
  dualEqualsHybrid: true,
  create: () => createCpuBackend({ instructionSet: level, threads: 2 }),
});

/** For kernels of weights in blocks. */
export const blockSubjects: readonly BackendUnderTest[] = levels.map(subjectOf);

/** For all others: float kernels of AVX-VNNI are those of AVX2. */
export const subjects: readonly BackendUnderTest[] = levels.filter((level) => level !== "avx-vnni").map(subjectOf);
