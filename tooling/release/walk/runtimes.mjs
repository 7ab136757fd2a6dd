import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expectAnswer } from "./answer.mjs";

const platform = `${process.platform}-${process.arch}`;
const demo = ["demo", "--tokens", "512", "--json"];

/** Programs that people start JavaScript with: where each is in its package of npm, and what the command line is to do there. */
const candidates = [
  { name: "Node.js 18", specifier: `node-${platform}@18`, binary: "bin/node", refused: /^error: Node\.js 20\.19 or newer is needed; .* is 18\.\d+\.\d+\.\n$/ },
  { name: "Node.js 20", specifier: `node-${platform}@20`, binary: "bin/node" },
  { name: "Node.js 22", specifier: `node-${platform}@22`, binary: "bin/node" },
  { name: "Node.js 24", specifier: `node-${platform}@24`, binary: "bin/node" },
  { name: "Bun", specifier: `@oven/bun-${platform}@1`, binary: "bin/bun", refused: /^error: Bun is not supported/ },
  { name: "Deno", specifier: `@deno/${platform}-glibc@2`, binary: "deno", options: ["run", "--allow-all"], refused: /^error: Deno is not supported/ },
];

/** The installed command line on every runtime: it answers, or says in one line that it does not run there. */
export function runtimes(newcomer) {
  const folder = newcomer.install(["@elastic-attention/cli"]);
  const program = join(folder, "node_modules", "@elastic-attention", "cli", "dist", "main.js");
  for (const { name, specifier, binary, options = [], refused } of candidates) {
    const runtime = fetchRuntime(newcomer, specifier, binary);
    if (refused === undefined) expectAnswer(newcomer.run(folder, runtime, [...options, program, ...demo], newcomer.bareEnvironment));
    else newcomer.fail(folder, runtime, [...options, program, ...demo], refused, newcomer.bareEnvironment);
    console.log(`  ${name}: ${refused === undefined ? "answers" : "refused in one line"}`);
  }
}

/** Unpacks a runtime; without its install scripts, which link it into places. @returns its path */
function fetchRuntime(newcomer, specifier, binary) {
  const folder = newcomer.emptyFolder();
  newcomer.run(folder, "npm", ["pack", "--silent", specifier]);
  newcomer.run(folder, "tar", ["-xzf", readdirSync(folder)[0]]);
  return join(folder, "package", binary);
}
