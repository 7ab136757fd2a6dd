import { describeSamplingKernels } from "@elastic-attention/conformance";
import { subjects } from "../instruction-set-levels.js";

// The kernels are the same at every level.
describeSamplingKernels(subjects.at(-1)!);
