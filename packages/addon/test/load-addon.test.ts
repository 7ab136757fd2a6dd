import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { buildTinyAddon, compiler } from "@elastic-attention/fixtures";
import { type AddonSource, loadAddon } from "@elastic-attention/addon";
import { probeAddon } from "../src/loading/probe-addon.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "elastic-attention-addons-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let cache: string;
beforeEach(() => {
  cache = mkdtempSync(join(folder, "cache-"));
  vi.stubEnv("XDG_CACHE_HOME", cache);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const records = () => readdirSync(cache, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
const source = (path: string, exports = ["greet"]): AddonSource => ({ path, exports, build: "run `make it`" });

describe("a file that is no addon", () => {
  test.each([
    ["missing", undefined, /its addon is not built \(.*missing\.node is missing\): run `make it`$/],
    ["empty", "", /its addon does not load \(.*empty\.node\): .*too short.*; run `make it`$/],
    ["text", "export const answer = 42;\n".repeat(100), /its addon does not load \(.*text\.node\): .*invalid ELF header; run `make it`$/],
  ])("that is %s is refused with what to do", (name, content, words) => {
    const path = join(folder, `${name}.node`);
    if (content !== undefined) writeFileSync(path, content);
    expect(loadAddon(source(path))).toEqual({ problem: expect.stringMatching(words) as string });
  });

  test("but a folder is refused with what to do", () => {
    const path = join(folder, "folder.node");
    mkdirSync(path);
    expect(loadAddon(source(path)).problem).toMatch(/does not load[\s\S]*; run `make it`$/);
  });
});

describe.skipIf(!compiler)("a compiled file", () => {
  test("that is an addon with what is needed is loaded, twice as the same", () => {
    const path = buildTinyAddon(folder, "greeting");
    const { addon } = loadAddon<{ greet(): void }>(source(path));
    expect(addon?.greet()).toBeUndefined();
    expect(loadAddon(source(path)).addon).toBe(addon);
    expect(loadAddon(source(relative(process.cwd(), path))).addon).toBe(addon);
  });

  test("without our functions names them", () => {
    const path = buildTinyAddon(folder, "greeting");
    const wanted = ["wave", "greet", "nod", "smile", "bow"];
    expect(loadAddon(source(path, ["wave"])).problem).toMatch(/is of another version: it has no wave; run `make it`$/);
    expect(loadAddon(source(path, wanted)).problem).toMatch(/it has no wave, nod, smile and 1 more;/);
    expect(loadAddon(source(path)).problem).toBeUndefined();
  });

  test.each([
    ["library", /did not self-register/],
    ["future", /Node-API version 9999|built for another version of Node/],
    ["aborting", /it ends the process that loads it \(SIGABRT\): it is damaged/],
    ["exiting", /it ends the process that loads it \(exit code 3\): it is damaged/],
    ["undefinedSymbol", /undefined symbol/],
  ] as const)("that is bad (%s) is a sentence with what to do, and this process lives", (name, words) => {
    const { problem } = loadAddon(source(buildTinyAddon(folder, name)));
    expect(problem).toMatch(words);
    expect(problem).toMatch(/^its addon does not load \(.*\.node\): .*; run `make it`$/s);
    expect(records()).toEqual([]);
  });

  test("that is cut off at any length is refused or whole", () => {
    const whole = readFileSync(buildTinyAddon(folder, "greeting"));
    for (const part of [0.01, 0.1, 0.3, 0.5, 0.7, 0.9]) {
      const path = join(folder, `cut-${part}.node`);
      writeFileSync(path, whole.subarray(0, Math.floor(whole.length * part)));
      // The last parts of a file name sections for debuggers: without them it may still load.
      const { problem = "loaded; run `make it`" } = loadAddon(source(path));
      expect(problem).toMatch(part < 0.5 ? /does not load .*; run `make it`$/s : /; run `make it`$/);
    }
  });

  test("is loaded once it was fixed", () => {
    const path = join(folder, "fixed.node");
    writeFileSync(path, "no addon");
    expect(loadAddon(source(path)).problem).toBeDefined();
    writeFileSync(path, readFileSync(buildTinyAddon(folder, "greeting")));
    expect(loadAddon(source(path)).problem).toBeUndefined();
  });
});

describe.skipIf(!compiler)("what a probe has found", () => {
  const stateOf = (path: string) => `${path} ${statSync(path).size} ${statSync(path).mtimeMs}`;

  test("is remembered for the file as it is: no child is started again", () => {
    const path = buildTinyAddon(folder, "greeting");
    expect(probeAddon(path, stateOf(path))).toBeUndefined();
    expect(records()).toHaveLength(1);
    // Nothing could be started now.
    vi.stubEnv("PATH", "");
    const execPath = vi.spyOn(process, "execPath", "get").mockReturnValue("/nowhere/node");
    const before = performance.now();
    expect(probeAddon(path, stateOf(path))).toBeUndefined();
    expect(performance.now() - before).toBeLessThan(20);
    execPath.mockRestore();
  });

  test("is forgotten when the file changes", () => {
    const path = buildTinyAddon(folder, "greeting");
    expect(probeAddon(path, stateOf(path))).toBeUndefined();
    writeFileSync(path, "no addon any more");
    utimesSync(path, 1, 1);
    expect(probeAddon(path, stateOf(path))).toMatch(/invalid ELF header|too short/);
  });

  test("is not needed where no child can be started, nor where nothing can be kept", () => {
    const path = buildTinyAddon(folder, "greeting");
    const execPath = vi.spyOn(process, "execPath", "get").mockReturnValue("/nowhere/node");
    expect(probeAddon(path, stateOf(path))).toBeUndefined();
    expect(records()).toEqual([]);
    execPath.mockRestore();
    writeFileSync(join(folder, "file"), "");
    vi.stubEnv("XDG_CACHE_HOME", join(folder, "file"));
    expect(probeAddon(path, stateOf(path))).toBeUndefined();
  });
});
