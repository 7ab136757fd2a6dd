import { NativeBackend } from "@elastic-attention/native";
import type { CudaAddon } from "./cuda-addon.js";

/**
 * Kernels on one NVIDIA GPU; f32, bf16 and f16, sums in float32. Calls return when the work is queued; a download, or
 * `synchronize`, waits for it. All work goes to one stream, in the order of the calls.
 */
export class CudaBackend extends NativeBackend<CudaAddon> {
  constructor(addon: CudaAddon) {
    const { name, capability, multiprocessors, memoryBytes } = addon.deviceInformation();
    super(addon, {
      name: "cuda",
      device: {
        kind: "cuda",
        description: `${name}, compute capability ${Math.floor(capability / 10)}.${capability % 10}`,
        parallelism: multiprocessors,
        memoryBytes,
      },
      computeDTypes: ["f32", "bf16", "f16"],
      packedDTypes: ["f32", "bf16", "f16"],
      weightsAreRows: true,
    });
  }
}
