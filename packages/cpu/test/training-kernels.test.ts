import {
  describeTrainingAttentionKernels,
  describeTrainingFloatKernels,
  describeTrainingGateKernels,
  describeTrainingLinearKernels,
  testTargetsOutside,
} from "@elastic-attention/conformance";
import { subjects } from "./instruction-set-levels.js";

for (const subject of subjects) {
  describeTrainingFloatKernels(subject);
  testTargetsOutside(subject);
  describeTrainingLinearKernels(subject);
  describeTrainingGateKernels(subject);
  describeTrainingAttentionKernels(subject);
}
