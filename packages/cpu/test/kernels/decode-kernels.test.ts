import { describeDecodeKernels } from "@elastic-attention/conformance";
import { subjects } from "../instruction-set-levels.js";

for (const subject of subjects) describeDecodeKernels(subject, { f32: 1e-5, bf16: 2 ** -7 }, { fp8: 2 ** -7, q8_0: 2 ** -7 });
