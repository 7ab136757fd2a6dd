import type { BackendUnderTest } from "@elastic-attention/conformance";
import { availableInstructionSets, buildAllLevels, createCpuBackend, leftOutInstructionSets, loadAddon } from "../src/index.js";

// A first command builds this machine's level alone.
const leftOut = leftOutInstructionSets(loadAddon());
if (leftOut.length > 0) throw new Error(`The addon was built without the levels ${leftOut.join(", ")}, which these tests run: ${buildAllLevels}.`);

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
