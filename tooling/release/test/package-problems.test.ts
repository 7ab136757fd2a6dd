import { describe, expect, it } from "vitest";
import { packageProblems } from "../src/package-problems.js";
import type { PackedManifest } from "../src/packed-package.js";

const goodFiles = ["LICENSE", "NOTICE", "README.md", "package.json", "dist/index.js", "dist/index.d.ts"];
const goodManifest: PackedManifest = {
  name: "@elastic-attention/tensor",
  version: "0.1.0",
  license: "Apache-2.0",
  exports: { ".": { types: "./dist/index.d.ts", default: "./dist/index.js" } },
  dependencies: { zod: "^4.0.0" },
  repository: { type: "git", url: "git+https://example.org/attention.git" },
};

function problemsOf(manifest: Partial<PackedManifest>, files: readonly string[] = goodFiles): string[] {
  return packageProblems({ tarball: "", manifest: { ...goodManifest, ...manifest }, files: new Set(files) });
}

describe("package problems", () => {
  it("are none in a good package", () => {
    expect(problemsOf({})).toEqual([]);
  });

  it("are missing files", () => {
    expect(problemsOf({}, ["dist/index.js", "README.md"])).toEqual([
      "has no LICENSE",
      "has no NOTICE",
      'exports["."]["types"] names ./dist/index.d.ts, which is not packed',
    ]);
    expect(problemsOf({ bin: { "elastic-attention": "./dist/main.js" } })).toEqual([
      'bin["elastic-attention"] names ./dist/main.js, which is not packed',
    ]);
  });

  it("are the workspace's own condition and protocol", () => {
    const exports = { ".": { source: "./src/index.ts", default: "./dist/index.js" } };
    expect(problemsOf({ exports, dependencies: { "@elastic-attention/tensor": "workspace:*" } })).toEqual([
      'exports["."]["source"] points to sources: the packing hook did not run',
      'depends on @elastic-attention/tensor by "workspace:*", which means nothing to a registry',
    ]);
  });

  it("are another license and an empty surface", () => {
    expect(problemsOf({ license: "MIT", exports: undefined, repository: undefined })).toEqual([
      "has the license MIT",
      "says nowhere where its sources are",
      "exports nothing",
    ]);
  });
});
