import { test } from "vitest";
import { type BackendUnderTest, describeBlockKernels, describeQuantisedLinear, describeRoundedCache, describeScaledKernels } from "@elastic-attention/conformance";
import { createCudaBackend, cudaProblems } from "../src/index.js";

const problems = cudaProblems();
if (problems.length > 0) {
  test.skip(`weights and caches of less than 16 bits are not tested on cuda here: ${problems.join("; ")}`, () => {});
} else {
  const subject: BackendUnderTest = { name: "cuda", dtypes: ["f32", "bf16", "f16"], create: createCudaBackend };
  // Many rows are multiplied with weights that are rounded to bf16.
  describeBlockKernels(subject, 2 ** -8);
  describeQuantisedLinear(subject, 2 ** -8);
  describeScaledKernels(subject, 2 ** -8);
  describeRoundedCache(subject);
}
