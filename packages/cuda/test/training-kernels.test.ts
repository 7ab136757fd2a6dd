import { test } from "vitest";
import {
  type BackendUnderTest,
  describeTrainingAttentionKernels,
  describeTrainingExpertKernels,
  describeTrainingFamilyKernels,
  describeTrainingFloatKernels,
  describeTrainingGateKernels,
  describeTrainingLinearKernels,
} from "@elastic-attention/conformance";
import { createCudaBackend, cudaProblems } from "../src/index.js";
import { describeTrainingTiles } from "./training-tiles.js";

const problems = cudaProblems();
if (problems.length > 0) {
  test.skip(`training kernels on cuda are not tested here: ${problems.join("; ")}`, () => {});
} else {
  const subject: BackendUnderTest = { name: "cuda", dtypes: ["f32", "bf16", "f16"], create: createCudaBackend };
  describeTrainingFloatKernels(subject);
  describeTrainingFamilyKernels(subject);
  describeTrainingExpertKernels(subject);
  describeTrainingLinearKernels(subject);
  describeTrainingGateKernels(subject);
  describeTrainingAttentionKernels(subject);
  describeTrainingTiles(subject);
}
