import { describeTrainingStep } from "@elastic-attention/conformance";
import { test } from "vitest";
import { createCudaBackend, cudaProblems, loadAddon } from "../src/index.js";

function reasonsAgainst(): readonly string[] {
  const problems = cudaProblems();
  if (problems.length > 0) return problems;
  return loadAddon().attentionBackward === undefined ? ["the addon has no attentionBackward"] : [];
}

const problems = reasonsAgainst();
if (problems.length > 0) {
  test.skip(`training steps on cuda are not tested here: ${problems.join("; ")}`, () => {});
} else {
  // Training is in bf16; gradients in f16 need a scaled loss.
  describeTrainingStep({ name: "cuda", dtypes: ["f32", "bf16"], create: createCudaBackend });
}
