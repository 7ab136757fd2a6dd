import { describe, expect, test, vi } from "vitest";
import { BackendUnavailableError } from "@elastic-attention/core";
import { createCudaBackend, cudaProblems, cudaProvider } from "../src/index.js";

describe("the provider", () => {
  test("says in words why the backend cannot run", async () => {
    const problems = cudaProblems();
    expect(await cudaProvider.available()).toEqual(problems);
    if (problems.length === 0) return;
    expect(problems.join()).toMatch(/not built|no CUDA device|cuBLASLt/);
    expect(() => createCudaBackend()).toThrow(BackendUnavailableError);
  });

  test("names the build when the addon is missing", () => {
    vi.stubEnv("ELASTIC_ATTENTION_CUDA_ADDON", "/nowhere/elastic_attention_cuda.node");
    expect(cudaProblems()[0]).toMatch(/\/nowhere.*is missing.*nvcc/);
    vi.unstubAllEnvs();
  });
});
