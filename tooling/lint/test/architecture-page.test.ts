import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { allowedImports } from "../src/arrows.js";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const page = readFileSync(`${root}apps/docs/guides/architecture.md`, "utf8");
const foldersIn = (folder: string) => readdirSync(root + folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
const packages = foldersIn("packages").filter((name) => existsSync(`${root}packages/${name}/package.json`));

/** Names in backticks of each cell, row after row, of the table below a heading that begins with these cells. */
function rowsOf(...heading: readonly string[]): string[][][] {
  const lines = page.split("\n");
  const start = lines.indexOf(`| ${heading.join(" | ")} |`);
  expect(start, `the table of ${heading.join(" and ")}`).toBeGreaterThan(0);
  const rest = lines.slice(start + 2);
  const rows = rest.slice(0, rest.findIndex((line) => !line.startsWith("|")));
  return rows.map((row) => row.split("|").slice(1, -1).map((cell) => Array.from(cell.matchAll(/`([^`]+)`/g), (match) => match[1]!)));
}

describe("the architecture page", () => {
  it("names every package", () => {
    expect(rowsOf("package", "holds").flatMap(([names]) => names!).toSorted()).toEqual(packages.toSorted());
  });

  it("gives the imports of every package as the lint table does", () => {
    const direct = new Map(rowsOf("package", "imports").flatMap(([names, imports]) => names!.map((name) => [name, imports!] as const)));
    const reached = (name: string): string[] => (direct.get(name) ?? []).flatMap((each) => [each, ...reached(each)]);
    for (const name of packages) {
      const allowed = allowedImports(name, "source") ?? [];
      expect(direct.get(name), name).toBeDefined();
      expect(allowed, name).toEqual(expect.arrayContaining(direct.get(name)!));
      expect(reached(name), name).toEqual(expect.arrayContaining([...allowed]));
    }
  });

  it("names folders that are there, and every one of the large packages' sources", () => {
    const named = rowsOf("folder", "holds").flatMap(([names]) => names!);
    for (const folder of named) expect(existsSync(`${root}packages/${folder}`), folder).toBe(true);
    for (const large of ["transformer/src", "generation/src", "cuda/native/attention"]) {
      expect(named.filter((folder) => folder.startsWith(`${large}/`)).toSorted()).toEqual(foldersIn(`packages/${large}`).map((name) => `${large}/${name}`).toSorted());
    }
    const tools = rowsOf("tool", "does").flatMap(([names]) => names!);
    for (const tool of tools) expect(existsSync(root + tool), tool).toBe(true);
  });
});
