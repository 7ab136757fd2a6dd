import { type BackendUnderTest, describeBackwardGrid, describeForwardGrid } from "@elastic-attention/conformance";
import { test } from "vitest";
import { createCudaBackend, cudaProblems } from "../src/index.js";

const problems = cudaProblems();
if (problems.length > 0) {
  test.skip(`attention on cuda is not tested over the grid here: ${problems.join("; ")}`, () => {});
} else {
  const subject: BackendUnderTest = { name: "cuda", dtypes: ["f32", "bf16", "f16"], create: createCudaBackend };
  // Tile kernels of devices before Hopper serve head size 32 too.
  const older = Number(process.env["ELASTIC_ATTENTION_CUDA_CAPABILITY"] ?? 90) < 90;
  const size = { headDims: [...(older ? [32] : []), 64, 96, 128], dtypes: ["bf16", "f16"] } as const;
  describeForwardGrid(subject, size);
  describeBackwardGrid(subject, size);
}
