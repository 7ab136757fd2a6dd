import { guardCall, NativeBackend } from "@elastic-attention/addon";
import type { Graph, RankGroup, WorkSizes } from "@elastic-attention/tensor";
import type { CudaAddon } from "./cuda-addon.js";
import { registerDecodeKernels } from "./decode-kernels.js";
import { connectRanks, registerRankKernels } from "./rank-kernels.js";
import { registerRoundedCacheKernels } from "./rounded-cache/rounded-cache-kernels.js";
import { registerWeightKernels } from "./weights/weight-kernels.js";
import { cudaBlockWeights } from "./weights/weight-segments.js";

/** Largest vocabulary that the sampling kernel holds in shared memory. */
const mostSampledTokens = 8 * 28 * 1024;

export const cudaWorkSizes: WorkSizes = { chunkRows: 8192, slicePairs: 2 ** 30, slicesInFlight: 2 };

/**
 * Kernels on one NVIDIA GPU; f32, bf16 and f16, sums in float32. Calls return when the work is queued; a download, or
 * `synchronize`, waits for it. All work goes to one stream, in the order of the calls.
 */
export class CudaBackend extends NativeBackend<CudaAddon> {
  readonly blockWeights = cudaBlockWeights;

  constructor(addon: CudaAddon) {
    const { name, capability, multiprocessors, memoryBytes } = guardCall("cuda", "deviceInformation", () => addon.deviceInformation());
    super(addon, {
      name: "cuda",
      device: {
        description: `${name}, compute capability ${Math.floor(capability / 10)}.${capability % 10}`,
        parallelism: multiprocessors,
        memoryBytes,
        workSizes: cudaWorkSizes,
      },
      computeDTypes: ["f32", "bf16", "f16"],
      packedDTypes: ["f32", "bf16", "f16"],
      weightsAreRows: true,
      samplingProblems: (vocabularySize) => [
        ...(capability >= 90 ? [] : ["the kernel needs clusters of thread blocks (compute capability 9.0)"]),
        ...(vocabularySize <= mostSampledTokens ? [] : [`a vocabulary of ${vocabularySize} is larger than ${mostSampledTokens}`]),
      ],
    });
    registerDecodeKernels(this, capability);
    registerWeightKernels(this, this.addon);
    registerRoundedCacheKernels(this, this.addon);
    registerRankKernels(this);
  }

  joinRanks(ranks: RankGroup): string | undefined {
    return connectRanks(this, ranks);
  }

  /** @throws whatever the step throws, and nothing is recorded then */
  capture(step: () => void): Graph {
    const { addon } = this;
    const none = new Float64Array(0);
    addon.beginCapture(none);
    try {
      step();
    } catch (error) {
      // What went wrong in the step says more than what follows from it.
      try {
        addon.abandonCapture(none);
      } catch {}
      throw error;
    }
    const graph = Float64Array.of(addon.endCapture(none));
    return {
      replay: () => addon.replayGraph(graph),
      [Symbol.dispose]: () => addon.releaseGraph(graph),
    };
  }
}
