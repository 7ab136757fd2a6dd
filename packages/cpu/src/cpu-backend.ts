import { totalmem } from "node:os";
import { type CallArguments, guardCall, type NativeAddon, NativeBackend, type NativeKernel } from "@elastic-attention/addon";
import { ShapeError } from "@elastic-attention/core";
import { type Graph, hostWorkSizes, type Tensor, type WorkSizes } from "@elastic-attention/tensor";
import { type InstructionSet, instructionSetName, usableLevel } from "./instruction-set.js";
import { type BlockAddon, registerBlockKernels } from "./block-kernels.js";
import { cpuBlockWeights } from "./block-layout.js";
import type { CpuAddon } from "./cpu-addon.js";
import { type DecodeAddon, registerDecodeKernels } from "./decode-kernels.js";

/** Settings of a cpu backend. Threads and instruction set are its own, whatever other backends of the process use. */
export interface CpuBackendOptions {
  /** Threads including the caller's; default: all available cores. */
  readonly threads?: number;
  /** The level that kernels run at; default: what `ELASTIC_ATTENTION_CPU_LEVEL` names, else the best that the machine has. */
  readonly instructionSet?: InstructionSet;
}

/** Those of a host whose attention reads caches in 8 bits as they lie, which the reference backend does not. */
export const cpuWorkSizes: WorkSizes = { ...hostWorkSizes, readsRoundedCache: true };

/** Native kernels on the host's processor; f32 and bf16, sums in float32. */
export class CpuBackend extends NativeBackend<NativeAddon & BlockAddon & DecodeAddon> {
  /** The level that its kernels run at. */
  readonly instructionSet: InstructionSet;
  readonly blockWeights = cpuBlockWeights;
  /** The calls of a step that is being recorded. */
  #recording: (() => void)[] | undefined;

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
        // The tiles of AMX add in another order than the vectors that take fewer rows.
        workSizes: level === "amx" ? { ...cpuWorkSizes, draftedRows: 8 } : cpuWorkSizes,
      },
      computeDTypes: ["f32", "bf16"],
      cacheTypes: ["fp8", "q8_0"],
      packedDTypes: ["f32", "bf16"],
    });
    this.instructionSet = level;
    registerBlockKernels(this, this.addon);
    registerDecodeKernels(this, this.addon);
  }

  override call(operation: string, kernel: NativeKernel, call: CallArguments): void {
    const recording = this.#recording;
    if (recording === undefined) return super.call(operation, kernel, call);
    const values = call.pack();
    recording.push(() => this.callPacked(operation, kernel, values));
  }

  override write(tensor: Tensor, data: ArrayBufferView): void {
    this.#refuseRecording("write");
    super.write(tensor, data);
  }

  override download(tensor: Tensor): Uint8Array {
    this.#refuseRecording("read");
    return super.download(tensor);
  }

  /**
   * Records the calls of a step with their arguments: a decode step makes hundreds, and looking up kernels and packing
   * arguments takes longer than some of them.
   * @throws whatever the step throws, and nothing is recorded then
   */
  capture(step: () => void): Graph {
    const calls: (() => void)[] = [];
    this.#recording = calls;
    try {
      step();
    } finally {
      this.#recording = undefined;
    }
    return {
      replay() {
        for (const call of calls) call();
      },
      [Symbol.dispose]() {
        calls.length = 0;
      },
    };
  }

  #refuseRecording(what: string): void {
    if (this.#recording !== undefined) throw new ShapeError(`A ${what} of host data cannot be captured.`, "Do it before the step.");
  }
}

/** Memory of the machine or of the container the process runs in. */
function usableMemory(): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}
