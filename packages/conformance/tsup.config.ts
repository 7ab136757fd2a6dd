import { library } from "@elastic-attention/tsup-config";

// The fixtures are of this workspace alone: what the suite takes of them is part of it.
export default { ...library(), noExternal: ["@elastic-attention/fixtures"] };
