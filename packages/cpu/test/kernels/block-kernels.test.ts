import { describeBlockKernels } from "@elastic-attention/conformance";
import { levels, subjects } from "../instruction-set-levels.js";

// For many rows, AMX widens weights to bf16, for its tiles; plain processors multiply floats faster than integers.
const widenedErrors = { amx: 2 ** -7, plain: 2e-5 };

for (const [index, subject] of subjects.entries()) describeBlockKernels(subject, (widenedErrors as Partial<Record<string, number>>)[levels[index]!]);
