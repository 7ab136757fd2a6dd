import { readdirSync } from "node:fs";
import { basename } from "node:path";
import { application } from "@elastic-attention/tsup-config";

// Every src/FOLDER/NAME.bench.ts becomes dist/NAME.bench.js, which main.ts finds by its name.
const benchmarks = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".bench.ts"));

export default application({ main: "src/main.ts", ...Object.fromEntries(benchmarks.map((file) => [basename(file, ".ts"), `src/${file}`])) });
