import { describeTrainingStep } from "@elastic-attention/conformance";
import { subjects } from "./instruction-set-levels.js";

// The kernels are tested at every level; a step is made of them.
describeTrainingStep(subjects.at(-1)!);
