import { library } from "@elastic-attention/tsup-config";

export default library({ index: "src/index.ts", "engine-worker": "src/worker/engine-worker.ts" });
