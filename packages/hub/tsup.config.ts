import { library } from "@elastic-attention/tsup-config";

export default library({ index: "src/index.ts", "fake-hub": "src/fake-hub/fake-hub.ts" });
