import { totalmem } from "node:os";
import { guardCall, type NativeAddon, NativeBackend } from "@elastic-attention/addon";
import { hostWorkSizes } from "@elastic-attention/tensor";
import { type InstructionSet, instructionSetName, usableLevel } from "./instruction-set.js";
import { type BlockAddon, registerBlockKernels } from "./block-kernels.js";
import { cpuBlockWeights } from "./block-layout.js";
import type { CpuAddon } from "./cpu-addon.js";

/** Settings of a cpu backend. Threads and instruction set are its own, whatever other backends of the process use. */
export interface CpuBackendOptions {
  /** Threads including the caller's; default: all available cores. */
  readonly threads?: number;
  /** The level that kernels run at; default: what `ELASTIC_ATTENTION_CPU_LEVEL` names, else the best that the machine has. */
  readonly instructionSet?: InstructionSet;
}

/** Native kernels on the host's processor; f32 and bf16, sums in float32. */
export class CpuBackend extends NativeBackend<NativeAddon & BlockAddon> {
  /** The level that its kernels run at. */
  readonly instructionSet: InstructionSet;
  readonly blockWeights = cpuBlockWeights;

  /** @throws InvalidOptionError for a level that this processor does not have */
  constructor(addon: CpuAddon, options: { readonly threads: number; readonly instructionSet?: InstructionSet }) {
    const { threads } = options;
    const { code, level } = usableLevel(addon, options.instructionSet);
    const context = guardCall("cpu", "createContext", () => addon.createContext(Float64Array.of(threads, code)));
    super(context, {
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
    this.instructionSet = level;
    registerBlockKernels(this, this.addon);
  }
}

/** Memory of the machine or of the container the process runs in. */
function usableMemory(): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
