import { application } from "@elastic-attention/tsup-config";

export default application({ main: "src/main.ts", "register-packages": "src/program/register-packages.ts" });
