import { describeBackwardGrid, describeForwardGrid } from "@elastic-attention/conformance";
import { subjects } from "../../instruction-set-levels.js";

// The best level of this machine: the other files run them all.
const subject = subjects.at(-1)!;
const size = { headDims: [32, 64, 96, 128], dtypes: ["bf16"], small: true } as const;
describeForwardGrid(subject, size);
describeBackwardGrid(subject, size);
