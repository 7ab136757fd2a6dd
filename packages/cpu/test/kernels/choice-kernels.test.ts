import { describeAttentionMass, describeBlockSearch, describePageKernels } from "@elastic-attention/conformance";
import { subjects } from "../instruction-set-levels.js";

for (const subject of subjects) {
  describePageKernels(subject);
  describeAttentionMass(subject);
  describeBlockSearch(subject);
}
