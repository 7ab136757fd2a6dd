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

/** Names that the TypeScript blocks of a page import from our packages: fragments, which need a model or a server to run. */
function importedNames(page: string): { readonly name: string; readonly from: string }[] {
  const text = existsSync(join(workspace, page)) && page.endsWith(".md") ? readFileSync(join(workspace, page), "utf8") : "";
  const blocks = Array.from(text.matchAll(/```ts\n([\s\S]*?)```/g), (block) => block[1]!);
  const imports = blocks.flatMap((block) => Array.from(block.matchAll(/^import \{([^}]*)\} from "(@elastic-attention\/[\w-]+)";$/gm)));
  return imports.flatMap(([, names = "", from = ""]) => names.split(",").map((name) => ({ name: name.trim(), from }))).filter(({ name }) => name !== "" && !name.startsWith("type "));
}

const applications = readdirSync(join(workspace, "apps")).map((name) => `apps/${name}/README.md`);
const fragments = ["README.md", "CONTRIBUTING.md", ...readmes, ...pages, ...applications].filter((page) => importedNames(page).length > 0);

test.each(fragments)("what the fragments of %s import is exported", async (page) => {
  for (const { name, from } of importedNames(page)) {
    const folder = join(workspace, from.replace("@elastic-attention/example-", "apps/example-").replace("@elastic-attention/", "packages/"));
    const exported = (await import(join(folder, "src", "index.ts"))) as object;
    expect(Object.keys(exported)).toContain(name);
  }
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
