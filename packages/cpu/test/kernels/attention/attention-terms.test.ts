import { describeAttentionTerms } from "@elastic-attention/conformance";
import { subjects } from "../../instruction-set-levels.js";

for (const subject of subjects) describeAttentionTerms(subject);
