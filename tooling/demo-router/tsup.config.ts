import { application } from "@elastic-attention/tsup-config";

export default application({ main: "src/main.ts" });
