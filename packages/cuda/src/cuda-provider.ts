import { BackendUnavailableError } from "@elastic-attention/core";
import type { BackendProvider } from "@elastic-attention/tensor";
import { findAddon, loadAddon } from "./cuda-addon.js";
import { CudaBackend, cudaWorkSizes } from "./cuda-backend.js";
import { cudaBlockWeights } from "./weights/weight-segments.js";

/** Makes the backend known as "cuda": `registerBackend(cudaProvider)`. */
export const cudaProvider: BackendProvider = {
  name: "cuda",
  workSizes: cudaWorkSizes,
  blockWeights: cudaBlockWeights,
  needsDevice: true,
  options: [],
  async available() {
    return cudaProblems();
  },
  async create() {
    return createCudaBackend();
  },
};

/** Why the backend cannot run here, in words for people; empty when it can. Starts the device if there is one. */
export function cudaProblems(): readonly string[] {
  const { addon, problem } = findAddon();
  if (addon === undefined) return [problem];
  try {
    const { matrixProductProblem } = addon.deviceInformation();
    return matrixProductProblem === "" ? [] : [matrixProductProblem];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

/** Starts the cuda backend without the registry. @throws BackendUnavailableError that says why it cannot run here */
export function createCudaBackend(): CudaBackend {
  const problems = cudaProblems();
  if (problems.length > 0) {
    throw new BackendUnavailableError("cuda", problems, "Run `elastic-attention doctor` to see the state of every backend.");
  }
  return new CudaBackend(loadAddon());
}
