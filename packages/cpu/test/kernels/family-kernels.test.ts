import {
  describeExpertKernels,
  describeFamilyKernels,
  describeTrainingExpertKernels,
  describeTrainingFamilyKernels,
} from "@elastic-attention/conformance";
import { subjects } from "../instruction-set-levels.js";

for (const subject of subjects) {
  describeFamilyKernels(subject);
  describeExpertKernels(subject);
  describeTrainingFamilyKernels(subject);
  describeTrainingExpertKernels(subject);
}
