import { library } from "@elastic-attention/tsup-config";

export default library({ index: "src/index.ts", "parquet-worker": "src/parquet/parquet-worker.ts" });
