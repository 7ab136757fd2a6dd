import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const workspace = fileURLToPath(new URL("../../..", import.meta.url));
const packages = readdirSync(join(workspace, "packages"));

/** The JavaScript blocks of a README, each a program of its own. */
function examples(name: string): string[] {
  const text = readFileSync(join(workspace, "packages", name, "README.md"), "utf8");
  return Array.from(text.matchAll(/```js\n([\s\S]*?)```/g), (block) => block[1]!);
}

// The examples run against the build, from the command line's folder, which has every package.
test.each(packages)("the README of %s has examples that run", async (name) => {
  const sources = examples(name);
  expect(sources.length).toBeGreaterThan(0);
  for (const source of sources) await run(name, source);
});

async function run(name: string, source: string): Promise<void> {
  const path = join(workspace, "apps/cli/node_modules", `.readme-${name}.mjs`);
  writeFileSync(path, source);
  try {
    const environment = Object.fromEntries(Object.entries(process.env).filter(([key]) => key !== "NODE_OPTIONS"));
    const { stdout } = await promisify(execFile)(process.execPath, [path], { env: environment });
    expect(stdout.trim()).not.toBe("");
  } finally {
    rmSync(path);
  }
}
