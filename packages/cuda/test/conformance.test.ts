import { test } from "vitest";
import { describeAttentionKernels } from "../../native/test/conformance/attention-kernels.js";
import type { BackendUnderTest } from "../../native/test/conformance/backend-under-test.js";
import { describeFloatKernels } from "../../native/test/conformance/float-kernels.js";
import { describeLinearKernels } from "../../native/test/conformance/linear-kernels.js";
import { describeRouterKernels } from "../../native/test/conformance/router-kernels.js";
import { createCudaBackend, cudaProblems } from "../src/index.js";
import { describeCudaBackend } from "./cuda-backend.js";
import { describeTiles } from "./tiles.js";

const problems = cudaProblems();
if (problems.length > 0) {
  test.skip(`the cuda backend is not tested here: ${problems.join("; ")}`, () => {});
} else {
  const subject: BackendUnderTest = { name: "cuda", dtypes: ["f32", "bf16", "f16"], create: createCudaBackend };
  describeFloatKernels(subject);
  describeLinearKernels(subject);
  describeAttentionKernels(subject);
  describeRouterKernels(subject);
  describeTiles(subject);
  describeCudaBackend();
}
