import { describeBatchInvariance, describeDraftedSteps, describeFamilyDecode, describeResumedPrefill } from "@elastic-attention/conformance";
import { test } from "vitest";
import { createCudaBackend, cudaProblems } from "../src/index.js";

const problems = cudaProblems();
if (problems.length > 0) {
  test.skip(`batches on cuda are not tested here: ${problems.join("; ")}`, () => {});
} else {
  const subject = { name: "cuda", dtypes: ["f32", "bf16", "f16"], create: createCudaBackend } as const;
  describeBatchInvariance(subject, "rounding");
  describeDraftedSteps(subject, "rounding");
  describeResumedPrefill(subject, "rounding");
  describeFamilyDecode(subject);
}
