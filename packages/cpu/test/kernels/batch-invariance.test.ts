import { describeBatchInvariance, describeDraftedSteps, describeFamilyDecode } from "@elastic-attention/conformance";
import { subjects } from "../instruction-set-levels.js";

describeBatchInvariance(subjects.at(-1)!, "bits");
describeFamilyDecode(subjects.at(-1)!);
for (const subject of subjects) describeDraftedSteps(subject, "bits");
