import { library } from "@elastic-attention/tsup-config";

export default library();
