// Bundles one benchmark into one file, for machines without npm:
//   node tooling/run/bundle-benchmark.mjs OUT.mjs NAME      then there: node OUT.mjs NAME [options]
import { readdirSync } from "node:fs";
import { basename, resolve } from "node:path";
import { bundle, root } from "./bundle.mjs";

const [out, name] = process.argv.slice(2);
if (out === undefined || name === undefined) {
  console.error("Usage: node tooling/run/bundle-benchmark.mjs OUT.mjs NAME");
  process.exit(1);
}
const source = resolve(root, "tooling/benchmarks/src");
const file = readdirSync(source, { recursive: true, encoding: "utf8" }).find((path) => basename(path) === `${name}.bench.ts`);
if (file === undefined) {
  console.error(`No benchmark is named "${name}".`);
  process.exit(1);
}
const contents = `
import { benchmark } from ${JSON.stringify(resolve(source, file))};
import { parseCommandLine } from ${JSON.stringify(resolve(source, "command-line.ts"))};
import { describeMachine, formatReport } from ${JSON.stringify(resolve(source, "figures/report.ts"))};
import { writeFileSync } from "node:fs";
const { options, json, output } = parseCommandLine(process.argv.slice(2));
const machine = describeMachine();
const begun = performance.now();
const result = await benchmark.run(options, (line) => console.error(line));
const report = { benchmark: ${JSON.stringify(name)}, machine, seconds: (performance.now() - begun) / 1000, ...result };
console.log(json ? JSON.stringify(report, null, 2) : formatReport(report));
if (output !== undefined) writeFileSync(output, JSON.stringify([report], null, 2) + "\\n");
`;
await bundle(out, { stdin: { contents, resolveDir: root } });
