import { library } from "@elastic-attention/tsup-config";

export default library({ index: "src/index.ts", constraints: "src/constraints.ts" });
