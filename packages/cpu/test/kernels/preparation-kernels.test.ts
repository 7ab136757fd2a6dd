import { describePreparationKernels } from "@elastic-attention/conformance";
import { subjects } from "../instruction-set-levels.js";

for (const subject of subjects) describePreparationKernels(subject);
