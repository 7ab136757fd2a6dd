import { describeAttentionMass, describePageKernels } from "@elastic-attention/conformance";
import { subjects } from "../instruction-set-levels.js";

for (const subject of subjects) {
  describePageKernels(subject);
  describeAttentionMass(subject);
}
