import { application } from "@elastic-attention/tsup-config";

export default application({ main: "src/main.ts", rank: "src/engine/rank.ts", "register-packages": "src/program/register-packages.ts" });
