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

describe("file length", () => {
  const withLines = (lines: number): string =>
    temporaryWorkspace({ ...tensor, "packages/tensor/src/long.ts": "//\n".repeat(lines) });

  it("says nothing up to 400 lines, warns up to 500, fails above", () => {
    expect(checkWorkspace(withLines(400))).toMatchObject({ violations: [], warnings: [] });
    expect(checkWorkspace(withLines(500))).toMatchObject({
      violations: [],
      warnings: ["packages/tensor/src/long.ts: 500 lines, above 400: does it have one subject?"],
    });
    expect(checkWorkspace(withLines(501)).violations.map(formatViolation)).toEqual([
      "packages/tensor/src/long.ts:501: 501 lines, above 500: split it by subject. [file-length]",
    ]);
  });

  it("counts C++ and CUDA too", () => {
    const files = { "packages/tensor/native/gemm.cpp": "\n".repeat(501), "packages/tensor/native/gemm.cu": "\n".repeat(501) };
    expect(violationsOf({ ...tensor, ...files })).toHaveLength(2);
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
