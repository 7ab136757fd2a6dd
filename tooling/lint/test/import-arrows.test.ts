import { describe, expect, it } from "vitest";
import { checkWorkspace } from "../src/check-workspace.js";
import { formatViolation } from "../src/violation.js";
import { goodPackage, manifest, temporaryWorkspace } from "./temporary-workspace.js";

const tensor = goodPackage("tensor");
const attention = goodPackage("attention", { dependencies: ["tensor"] });
const cpu = goodPackage("cpu", { dependencies: ["tensor", "attention"] });

function violationsOf(files: Readonly<Record<string, string>>): string[] {
  return checkWorkspace(temporaryWorkspace(files)).violations.map(formatViolation);
}

describe("imports", () => {
  it("may point down", () => {
    const files = {
      ...tensor,
      ...attention,
      "packages/attention/src/index.ts": 'export * from "./head-plan.js";\n',
      "packages/attention/src/head-plan.ts": 'import type { Tensor } from "@elastic-attention/tensor";\nexport type Plan = Tensor;\n',
    };
    expect(violationsOf(files)).toEqual([]);
  });

  it("may not point up, in the sources or in package.json", () => {
    const files = {
      ...goodPackage("tensor", { dependencies: ["attention"] }),
      ...attention,
      "packages/tensor/src/index.ts": 'export {};\nimport "@elastic-attention/attention";\n',
    };
    expect(violationsOf(files)).toEqual([
      "packages/tensor/src/index.ts:2: the arrows forbid tensor -> attention: its sources may import core. [import-arrows]",
      "packages/tensor/package.json:7: the arrows forbid tensor -> attention: its sources may import core. [manifest-dependencies]",
    ]);
  });

  it.each([
    ["a re-export", 'export * from "@elastic-attention/cpu";'],
    ["a type import", 'import type { Kernel } from "@elastic-attention/cpu";'],
    ["a dynamic import", 'const load = () => import("@elastic-attention/cpu");'],
    ["a require", 'require("@elastic-attention/cpu");'],
  ])("are found in %s", (_form, statement) => {
    const files = { ...tensor, ...attention, ...cpu, "packages/attention/src/index.ts": `${statement}\n` };
    expect(violationsOf(files)).toEqual([
      "packages/attention/src/index.ts:1: the arrows forbid attention -> cpu: its sources may import core, tensor. [import-arrows]",
    ]);
  });

  it("of a page are bundled into it: development dependencies will do", () => {
    const exports = { "./index.html": "./dist/index.html" };
    const page = (manifest: Record<string, unknown>) => ({
      ...tensor,
      "apps/page/package.json": JSON.stringify({ name: "@elastic-attention/page", version: "0.1.0", license: "Apache-2.0", type: "module", devDependencies: { "@elastic-attention/tensor": "workspace:*" }, ...manifest }),
      "apps/page/src/main.ts": 'import { Tensor } from "@elastic-attention/tensor";\nexport const shown = Tensor;\n',
    });
    const missing = (files: Readonly<Record<string, string>>) => violationsOf(files).filter((line) => line.includes("is missing from the dependencies"));
    expect(missing(page({ exports }))).toEqual([]);
    expect(missing(page({ exports: { ".": "./dist/index.js" } }))).toHaveLength(1);
  });

  it("of a native backend belong to tests", () => {
    const transformer = goodPackage("transformer", { dependencies: ["tensor"], devDependencies: ["cpu"] });
    const inTest = {
      ...tensor,
      ...attention,
      ...cpu,
      ...transformer,
      "packages/transformer/test/index.test.ts": 'import "@elastic-attention/cpu";\n',
    };
    expect(violationsOf(inTest)).toEqual([]);
    const inSource = { ...inTest, "packages/transformer/src/index.ts": 'import "@elastic-attention/cpu";\n' };
    expect(violationsOf(inSource)).toHaveLength(1);
  });

  it("of another app are refused, of a library allowed", () => {
    const app = {
      ...tensor,
      "apps/example/package.json": manifest("example", { dependencies: ["tensor"] }),
      "apps/example/README.md": "# Example\n",
      "apps/example/test/index.test.ts": 'import "../src/index.js";\n',
    };
    expect(violationsOf({ ...app, "apps/example/src/index.ts": 'import "@elastic-attention/tensor";\n' })).toEqual([]);
    const other = {
      ...app,
      "apps/cli/package.json": manifest("cli"),
      "apps/cli/README.md": "# CLI\n",
      "apps/cli/src/main.ts": "export {};\n",
      "apps/cli/test/main.test.ts": "export {};\n",
      "apps/example/src/index.ts": 'import "@elastic-attention/cli";\n',
    };
    expect(violationsOf(other)).toEqual([
      "apps/example/src/index.ts:1: apps/example may import the packages under packages/, not @elastic-attention/cli. [import-arrows]",
    ]);
  });

  it("by a relative path stay in the package", () => {
    const files = {
      ...tensor,
      ...attention,
      "packages/attention/test/index.test.ts": 'import "../src/index.js";\nimport "../../tensor/src/index.js";\n',
    };
    expect(violationsOf(files)).toEqual([
      'packages/attention/test/index.test.ts:2: "../../tensor/src/index.js" leaves packages/attention: import the other package by its name instead. [import-arrows]',
    ]);
  });

  it("name exported paths only", () => {
    const files = {
      ...goodPackage("tensor", { exports: { ".": "./src/index.ts", "./testing": "./src/testing.ts" } }),
      ...attention,
      "packages/attention/src/index.ts":
        'import "@elastic-attention/tensor/testing";\nimport "@elastic-attention/tensor/src/dtype.js";\n',
    };
    expect(violationsOf(files)).toEqual([
      'packages/attention/src/index.ts:2: @elastic-attention/tensor does not export "./src/dtype.js": import what it exports (., ./testing). [import-arrows]',
    ]);
  });

  it("are declared in package.json", () => {
    const files = {
      ...tensor,
      ...goodPackage("attention"),
      "packages/attention/src/index.ts": 'import "@elastic-attention/tensor";\n',
    };
    expect(violationsOf(files)).toEqual([
      'packages/attention/src/index.ts:1: @elastic-attention/tensor is missing from the dependencies of packages/attention/package.json ("workspace:*"). [import-arrows]',
    ]);
  });

  it("of types alone may be among an application's devDependencies, of values not", () => {
    const app = (text: string) => ({
      ...tensor,
      "apps/example/package.json": manifest("example", { devDependencies: ["tensor"] }),
      "apps/example/README.md": "# Example\n",
      "apps/example/test/index.test.ts": 'import "../src/index.js";\n',
      "apps/example/src/index.ts": text,
    });
    expect(violationsOf(app('import type * as Tensors from "@elastic-attention/tensor";\n'))).toEqual([]);
    expect(violationsOf(app('import { type Tensor, shape } from "@elastic-attention/tensor";\n'))).toEqual([
      'apps/example/src/index.ts:1: @elastic-attention/tensor is missing from the dependencies of apps/example/package.json ("workspace:*"). [import-arrows]',
    ]);
  });

  it("need a line in the arrow table", () => {
    const files = { ...tensor, ...goodPackage("telepathy", { dependencies: ["tensor"] }) };
    expect(violationsOf(files)).toEqual([
      "packages/telepathy/package.json:7: telepathy has no line in the arrow table: add it to tooling/lint/src/arrows.ts. [manifest-dependencies]",
    ]);
  });

  it("in comments and strings are no imports", () => {
    const text = '// import "@elastic-attention/cpu";\nexport const text = \'import "@elastic-attention/cpu"\';\n';
    expect(violationsOf({ ...tensor, "packages/tensor/src/index.ts": text })).toEqual([]);
  });
});
