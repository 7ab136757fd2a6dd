import { test } from "vitest";
import {
  type BackendUnderTest,
  describeAttentionKernels,
  describeAttentionMass,
  describeAttentionTerms,
  describeBlockSearch,
  describeDownloads,
  describeExpertKernels,
  describeFamilyKernels,
  describeFloatKernels,
  describeLinearKernels,
  describePageKernels,
  describePageSteps,
  describePreparationKernels,
  describeRoutedPrefill,
  describeRouterKernels,
  describeSamplingKernels,
  describeThreshold,
} from "@elastic-attention/conformance";
import { createCudaBackend, cudaProblems } from "../src/index.js";
import { describeCudaBackend } from "./cuda-backend.js";
import { describeDecode } from "./decode.js";
import { describeTiles } from "./tiles.js";

const problems = cudaProblems();
if (problems.length > 0) {
  test.skip(`the cuda backend is not tested here: ${problems.join("; ")}`, () => {});
} else {
  const subject: BackendUnderTest = { name: "cuda", dtypes: ["f32", "bf16", "f16"], create: createCudaBackend };
  describeFloatKernels(subject);
  describeFamilyKernels(subject);
  describeExpertKernels(subject);
  describeLinearKernels(subject);
  describeAttentionKernels(subject);
  describeAttentionTerms(subject);
  describeAttentionMass(subject);
  describeBlockSearch(subject);
  describeThreshold(subject);
  describePageKernels(subject);
  describePageSteps(subject);
  describeRouterKernels(subject);
  describePreparationKernels(subject);
  describeSamplingKernels(subject);
  describeDownloads(subject);
  describeRoutedPrefill(subject);
  describeTiles(subject);
  describeDecode(subject);
  describeCudaBackend();
}
