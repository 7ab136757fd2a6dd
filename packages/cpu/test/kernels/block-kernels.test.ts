import { describeBlockKernels } from "@elastic-attention/conformance";
import { levels, subjects } from "../instruction-set-levels.js";

for (const [index, subject] of subjects.entries()) {
  const multipliesBf16 = levels[index] === "avx512-bf16" || levels[index] === "amx";
  describeBlockKernels(subject, multipliesBf16 ? 2 ** -7 : 2e-5);
}
