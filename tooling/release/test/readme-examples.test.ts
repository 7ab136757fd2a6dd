import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const workspace = fileURLToPath(new URL("../../..", import.meta.url));
const readmes = readdirSync(join(workspace, "packages")).map((name) => `packages/${name}/README.md`);
const pages = ["start", "guides"].flatMap((folder) =>
  readdirSync(join(workspace, "apps/docs", folder)).map((name) => `apps/docs/${folder}/${name}`),
);

/** The JavaScript blocks of a page, each a program of its own. */
function examples(page: string): string[] {
  const path = join(workspace, page);
  const text = existsSync(path) && page.endsWith(".md") ? readFileSync(path, "utf8") : "";
  return Array.from(text.matchAll(/```js\n([\s\S]*?)```/g), (block) => block[1]!);
}

// The examples run against the build, from the command line's folder, which has every package but that of tests for kernels.
const folderOf = (page: string) => (page.startsWith("packages/conformance/") ? "apps/example-kernel" : "apps/cli");

test.each(readmes)("%s has examples that run", async (page) => {
  const sources = examples(page);
  expect(sources.length).toBeGreaterThan(0);
  const outputs = [];
  for (const source of sources) outputs.push(await run(page, source));
  expect(outputs).not.toContain("");
});

test.each(pages.filter((page) => examples(page).length > 0))("the examples of %s run", async (page) => {
  const outputs = [];
  for (const source of examples(page)) outputs.push(await run(page, source));
  expect(outputs).not.toContain("");
});

/** Runs a program and returns what it wrote. */
async function run(page: string, source: string): Promise<string> {
  const path = join(workspace, folderOf(page), "node_modules", `.example-${page.replace(/\W/g, "-")}.mjs`);
  writeFileSync(path, source);
  try {
    const environment = Object.fromEntries(Object.entries(process.env).filter(([key]) => key !== "NODE_OPTIONS"));
    const { stdout } = await promisify(execFile)(process.execPath, [path], { env: environment });
    return stdout.trim();
  } finally {
    rmSync(path);
  }
}
