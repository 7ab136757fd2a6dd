import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { findAddonFile, loadAddon, platformName, publishedPlatforms } from "@elastic-attention/addon";

const build = "run `make it`";
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "elastic-attention-places-"));
  vi.stubEnv("ELASTIC_ATTENTION_CPU_ADDON", undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true, force: true });
});

/** A file below the temporary folder, with its folders. */
function write(...path: string[]): string {
  const file = join(home, ...path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, "");
  return file;
}

/** The places of the addon of a package that is installed in node_modules of the temporary folder. */
const installed = () => {
  const from = pathToFileURL(write("node_modules", "@elastic-attention", "cpu", "dist", "index.js")).href;
  return findAddonFile({ name: "cpu", from, build });
};
/** Installs a platform's package with an empty file; returns the file. */
function installPlatform(name: string): string {
  const file = write("node_modules", ...name.split("/"), "elastic_attention_cpu.node");
  writeFileSync(join(dirname(file), "package.json"), JSON.stringify({ name, version: "1.0.0" }));
  return file;
}
const ownPackage = `@elastic-attention/cpu-${platformName()}`;

describe("the file of an addon", () => {
  test("is what the environment variable names, unless it is empty", () => {
    vi.stubEnv("ELASTIC_ATTENTION_CPU_ADDON", "/other.node");
    expect(installed().path).toBe("/other.node");
    vi.stubEnv("ELASTIC_ATTENTION_CPU_ADDON", "");
    expect(installed().path).toBeUndefined();
  });

  test("is what a clone builds, also before it is built", () => {
    write("node_modules", "@elastic-attention", "cpu", "CMakeLists.txt");
    const { path, build: remedy } = installed();
    expect(path).toBe(join(home, "node_modules", "@elastic-attention", "cpu", "build", "Release", "elastic_attention_cpu.node"));
    expect(remedy).toBe(build);
  });

  test("is the file of this platform's package beside the package", () => {
    const file = installPlatform(ownPackage);
    expect(installed().path).toBe(file);
  });

  test("that a broken download left half-written is named with the folder to remove: npm would leave it as it is", () => {
    const file = installPlatform(ownPackage);
    const { problem } = loadAddon({ ...installed(), exports: [] });
    expect(problem).toContain(`does not load (${file})`);
    expect(problem).toContain(`install it again: remove ${dirname(file)}, then \`npm install ${ownPackage}\``);
  });

  test("that was installed for another libc or processor is told apart from one that is missing", () => {
    const other = publishedPlatforms.cpu.find((platform) => platform !== platformName())!;
    installPlatform(`@elastic-attention/cpu-${other}`);
    expect(loadAddon({ ...installed(), exports: [] }).problem).toMatch(
      new RegExp(`the package ${ownPackage} is not installed \\(there is one for ${other}: node_modules was installed on another machine\\); \`npm install ${ownPackage}\` brings it`),
    );
  });

  test("that is nowhere is named with the package to install", () => {
    const { problem } = loadAddon({ ...installed(), exports: [] });
    expect(problem).toMatch(new RegExp(`not installed: the package ${ownPackage} is not installed; \`npm install ${ownPackage}\` brings it`));
  });

  test("that is published for other platforms only says for which", () => {
    const architecture = vi.spyOn(process, "arch", "get").mockReturnValue("s390x");
    vi.resetModules();
    return import("../src/loading/addon-file.js").then((fresh) => {
      const from = pathToFileURL(join(home, "dist", "index.js")).href;
      expect(fresh.findAddonFile({ name: "cpu", from, build }).build).toMatch(
        /^no binary is published for linux-s390x-\w+, only for linux-x64-gnu, .*win32-x64; build it in a clone/,
      );
      architecture.mockRestore();
    });
  });
});

test("this platform is among the published ones where the tests run", () => {
  expect(publishedPlatforms.cpu).toContain(platformName());
});
