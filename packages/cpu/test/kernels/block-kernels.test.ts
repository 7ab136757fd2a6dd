import { describeBlockKernels } from "@elastic-attention/conformance";
import { blockSubjects, levels } from "../instruction-set-levels.js";

// For many rows, AMX widens weights to bf16, for its tiles.
for (const [index, subject] of blockSubjects.entries()) describeBlockKernels(subject, levels[index] === "amx" ? 2 ** -7 : undefined);
