import { execFile } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const workspace = fileURLToPath(new URL("../../..", import.meta.url));
const packages = readdirSync(join(workspace, "packages"));

/** The first JavaScript block of a README. */
function example(name: string): string | undefined {
  return /```js\n([\s\S]*?)```/.exec(readFileSync(join(workspace, "packages", name, "README.md"), "utf8"))?.[1];
}

// The examples run against the build, from the command line's folder, which has every package.
test.each(packages)("the README of %s has an example that runs", async (name) => {
  const source = example(name);
  expect(source).toBeDefined();
  const path = join(workspace, "apps/cli/node_modules", `.readme-${name}.mjs`);
  writeFileSync(path, source!);
  try {
    const environment = Object.fromEntries(Object.entries(process.env).filter(([key]) => key !== "NODE_OPTIONS"));
    const { stdout } = await promisify(execFile)(process.execPath, [path], { env: environment });
    expect(stdout.trim()).not.toBe("");
  } finally {
    rmSync(path);
  }
});
