import { library } from "@elastic-attention/tsup-config";
import manifest from "./package.json" with { type: "json" };

/** One output for each entry point of package.json, from the source that it names. */
const entries = Object.entries(manifest.exports).map(([name, { source }]) => [name === "." ? "index" : name.slice(2), source]);

export default library(Object.fromEntries(entries));
