import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { publishedPlatforms } from "@elastic-attention/addon";
import { expect, test } from "vitest";
import { ownBinary, platformBinary, readNativePackage, writePlatformPackage } from "../src/platform-package.js";

const workspace = fileURLToPath(new URL("../../../", import.meta.url));

test.each(["cpu", "cuda"] as const)("the manifest of %s names the platforms that its loader looks for", (name) => {
  expect(readNativePackage(join(workspace, "packages", name))?.platforms).toEqual(publishedPlatforms[name]);
});

test("a package without binaries is none of these", () => {
  expect(readNativePackage(join(workspace, "packages", "core"))).toBeUndefined();
});

test("what is built for every machine is published, what the workspace has built for this one is told apart", () => {
  const folder = mkdtempSync(join(tmpdir(), "elastic-attention-binaries-"));
  try {
    const owner = { ...readNativePackage(join(workspace, "packages", "cpu"))!, folder };
    expect([platformBinary(owner, "linux-x64-gnu"), ownBinary(owner)]).toEqual([undefined, undefined]);
    const files = ["build/platforms/linux-x64-gnu", "build/Release"].map((place) => {
      mkdirSync(join(folder, place), { recursive: true });
      const file = join(folder, place, "elastic_attention_cpu.node");
      writeFileSync(file, "");
      return file;
    });
    expect([platformBinary(owner, "linux-x64-gnu"), ownBinary(owner)]).toEqual(files);
    expect(platformBinary(owner, "darwin-arm64")).toBeUndefined();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.each([
  ["linux-arm64-musl", { os: ["linux"], cpu: ["arm64"], libc: ["musl"] }],
  ["linux-x64-gnu", { os: ["linux"], cpu: ["x64"], libc: ["glibc"] }],
  ["win32-x64", { os: ["win32"], cpu: ["x64"] }],
])("the package of %s is installed there only", (platform, constraints) => {
  const folder = mkdtempSync(join(tmpdir(), "elastic-attention-platform-"));
  try {
    const binary = join(folder, "built.node");
    writeFileSync(binary, "machine code");
    const owner = { ...readNativePackage(join(workspace, "packages", "cpu"))!, version: "7.0.0" };
    writePlatformPackage(owner, platform, binary, join(folder, "package"), join(workspace, "LICENSE"));
    expect(readdirSync(join(folder, "package")).sort()).toEqual(["LICENSE", "README.md", "elastic_attention_cpu.node", "package.json"]);
    const manifest = JSON.parse(readFileSync(join(folder, "package", "package.json"), "utf8")) as Record<string, unknown>;
    expect(manifest).toMatchObject({ name: `@elastic-attention/cpu-${platform}`, version: "7.0.0", main: "elastic_attention_cpu.node", ...constraints });
    expect("libc" in manifest).toBe("libc" in constraints);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
