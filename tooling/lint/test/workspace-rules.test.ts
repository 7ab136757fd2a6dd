import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkWorkspace } from "../src/check-workspace.js";
import { checkRepositorySize } from "../src/rules/repository-size.js";
import { formatViolation } from "../src/violation.js";
import { goodPackage, temporaryWorkspace } from "./temporary-workspace.js";

const tensor = goodPackage("tensor");

function violationsOf(files: Readonly<Record<string, string>>): string[] {
  return checkWorkspace(temporaryWorkspace(files)).violations.map(formatViolation);
}

describe("file names", () => {
  it.each(["src/utils.ts", "src/helpers/shape.ts", "test/common.test.ts", "native/misc.h"])("refuse %s", (file) => {
    const [violation, ...others] = violationsOf({ ...tensor, [`packages/tensor/${file}`]: "" });
    expect(violation).toContain(`packages/tensor/${file}:1: `);
    expect(violation).toContain("[file-names]");
    expect(others).toEqual([]);
  });

  it("refuse what is not in kebab-case", () => {
    expect(violationsOf({ ...tensor, "packages/tensor/src/headPlan.ts": "" })).toEqual([
      'packages/tensor/src/headPlan.ts:1: "headPlan.ts" is not in kebab-case. [file-names]',
    ]);
  });

  it("take words that merely contain a forbidden one", () => {
    expect(violationsOf({ ...tensor, "packages/tensor/src/common-prefix.ts": "" })).toEqual([]);
  });
});

describe("package layout", () => {
  it.each([
    ["README.md", "README.md"],
    ["src/index.ts", "src"],
    ["test/index.test.ts", "test/*.test.ts"],
  ])("needs %s", (file, part) => {
    const { [`packages/tensor/${file}`]: _removed, ...rest } = tensor;
    const violations = violationsOf(rest);
    expect(violations).toHaveLength(1);
    expect(violations[0]).toContain(`packages/tensor/package.json:1: packages/tensor has no ${part}:`);
  });
});

describe("the figures of a workspace", () => {
  it("are counted: folders, files of the median and of the largest one, lines of the longest source file", () => {
    const files = Object.fromEntries(Array.from({ length: 5 }, (_, index) => [`packages/tensor/src/rooms/part-${index}.ts`, "//\n".repeat(10 + index)]));
    const { folders, mostLines } = checkWorkspace(temporaryWorkspace({ ...tensor, ...files, "packages/tensor/src/rooms/code-table.ts": "//\n".repeat(500) }));
    expect([folders.most, mostLines]).toEqual([6, 14]);
    expect(folders.median).toBeLessThan(folders.most);
    expect(folders.folders).toBeGreaterThan(2);
  });
});

describe("file length", () => {
  it("holds up to 300 lines, and fails above", () => {
    const withLines = (lines: number) => violationsOf({ ...tensor, "packages/tensor/src/long.ts": "//\n".repeat(lines) });
    expect(withLines(300)).toEqual([]);
    expect(withLines(301)).toEqual(["packages/tensor/src/long.ts:301: 301 lines, above 300: split it by subject. [file-length]"]);
  });

  it("of a table, named as one, is free", () => {
    expect(violationsOf({ ...tensor, "packages/tensor/src/code-point-table.ts": "//\n".repeat(301) })).toEqual([]);
    expect(violationsOf({ ...tensor, "packages/tensor/src/stable.ts": "//\n".repeat(301) })).toHaveLength(1);
  });

  it("counts C++ and CUDA too", () => {
    const files = { "packages/tensor/native/gemm.cpp": "\n".repeat(301), "packages/tensor/native/gemm.cu": "\n".repeat(301) };
    expect(violationsOf({ ...tensor, ...files })).toHaveLength(2);
  });
});

describe("folder size", () => {
  const files = (folder: string, count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [`packages/tensor/${folder}/file-${index}.ts`, ""]));

  it("is at most 16 files", () => {
    expect(violationsOf({ ...tensor, ...files("src/rules", 16) })).toEqual([]);
    expect(violationsOf({ ...tensor, ...files("src/rules", 17) })).toEqual(["packages/tensor/src/rules:1: 17 files in one folder, above 16: make rooms by subject. [folder-size]"]);
  });

  it("is free for test data and instantiations", () => {
    expect(violationsOf({ ...tensor, ...files("test/fixtures", 17), ...files("native/instances", 17) })).toEqual([]);
  });

  it("is at most 8 in half of the folders", () => {
    const folders = Array.from({ length: 9 }, (_, index) => files(`src/room-${index}`, 9));
    expect(violationsOf(Object.assign({ ...tensor }, ...folders) as Record<string, string>)).toEqual([".:1: Half of the folders hold 9 files or more, above 8. [folder-size]"]);
  });
});

describe("repository size", () => {
  it("counts tracked files alone and names the largest", () => {
    const root = temporaryWorkspace({ "small.txt": "12345", "large.txt": "1234567890" });
    writeFileSync(join(root, "untracked.txt"), "x".repeat(1000));
    expect(checkRepositorySize(root, 15)).toEqual([]);
    expect(checkRepositorySize(root, 14)).toMatchObject([{ file: "large.txt", rule: "repository-size" }]);
  });
});
