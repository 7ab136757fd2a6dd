import { totalmem } from "node:os";
import { NativeBackend } from "@elastic-attention/addon";
import { hostWorkSizes } from "@elastic-attention/tensor";
import { type InstructionSet, instructionSetName, limitInstructionSet } from "./instruction-set.js";
import type { CpuAddon } from "./cpu-addon.js";

/** Settings of the cpu backend. Threads and instruction set belong to the process: the backend made last decides. */
export interface CpuBackendOptions {
  /** Threads including the caller's; default: all available cores. */
  readonly threads?: number;
  /** Uses at most this level; default: the best the machine has. */
  readonly instructionSet?: InstructionSet;
}

/** Native kernels on the host's processor; f32 and bf16, sums in float32. */
export class CpuBackend extends NativeBackend<CpuAddon> {
  constructor(addon: CpuAddon, options: { readonly threads: number; readonly instructionSet?: InstructionSet }) {
    const level = limitInstructionSet(addon, options.instructionSet ?? "amx");
    const threads = addon.setThreads(Float64Array.of(options.threads));
    super(addon, {
      name: "cpu",
      device: {
        description: `${instructionSetName(level)} kernels on ${threads} thread${threads === 1 ? "" : "s"}`,
        parallelism: threads,
        memoryBytes: usableMemory(),
        workSizes: hostWorkSizes,
      },
      computeDTypes: ["f32", "bf16"],
      packedDTypes: ["f32", "bf16"],
    });
  }
}

/** Memory of the machine or of the container the process runs in. */
function usableMemory(): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
