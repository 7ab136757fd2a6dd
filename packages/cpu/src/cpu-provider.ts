import { availableParallelism } from "node:os";
import { InvalidOptionError } from "@elastic-attention/core";
import type { BackendProvider } from "@elastic-attention/tensor";
import { cpuBlockWeights } from "./block-layout.js";
import { CpuBackend, type CpuBackendOptions, cpuWorkSizes } from "./cpu-backend.js";
import type { InstructionSet } from "./instruction-set.js";
import { findAddon, loadAddon } from "./cpu-addon.js";

/** Makes the backend known as "cpu": `registerBackend(cpuProvider)`. */
export const cpuProvider: BackendProvider = {
  name: "cpu",
  workSizes: cpuWorkSizes,
  options: ["instructionSet"],
  blockWeights: cpuBlockWeights,
  async available() {
    const { problem } = findAddon();
    return problem === undefined ? [] : [problem];
  },
  async create(options) {
    const { instructionSet } = options as { instructionSet?: InstructionSet };
    return createCpuBackend({
      ...(options.threads === undefined ? {} : { threads: options.threads }),
      ...(instructionSet === undefined ? {} : { instructionSet }),
    });
  },
};

/** Starts the cpu backend without the registry. @throws InvalidOptionError, BackendUnavailableError when the addon does not load */
export function createCpuBackend(options: CpuBackendOptions = {}): CpuBackend {
  const threads = options.threads ?? availableParallelism();
  if (!(Number.isInteger(threads) && threads >= 1 && threads <= 4096)) {
    throw new InvalidOptionError(`threads must be between 1 and 4096, found ${threads}.`, "threads");
  }
  return new CpuBackend(loadAddon(), { ...options, threads });
}
