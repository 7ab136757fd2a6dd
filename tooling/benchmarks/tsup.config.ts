import { readdirSync } from "node:fs";
import { application } from "@elastic-attention/tsup-config";

// Every src/NAME.bench.ts becomes dist/NAME.bench.js, which main.ts finds by its name.
const benchmarks = readdirSync("src").filter((file) => file.endsWith(".bench.ts"));

export default application(["src/main.ts", ...benchmarks.map((file) => `src/${file}`)]);
