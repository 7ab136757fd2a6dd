import {
  describeTrainingAttentionKernels,
  describeTrainingFloatKernels,
  describeTrainingGateKernels,
  describeTrainingLinearKernels,
  testTargetsOutside,
} from "@elastic-attention/conformance";
import { describe } from "vitest";
import { subjects } from "./instruction-set-levels.js";

for (const subject of subjects) {
  describe(subject.name, () => {
    describeTrainingFloatKernels(subject);
    testTargetsOutside(subject);
    describeTrainingLinearKernels(subject);
    describeTrainingGateKernels(subject);
    describeTrainingAttentionKernels(subject);
  });
}
