import { describeRoundedCache, describeRoundedRows } from "@elastic-attention/conformance";
import { subjects } from "../instruction-set-levels.js";

for (const subject of subjects) {
  describeRoundedCache(subject, ["fp8", "q8_0"]);
  describeRoundedRows(subject, ["fp8", "q8_0"]);
}
