import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { availableInstructionSets, loadAddon } from "../src/index.js";

const source = fileURLToPath(new URL("..", import.meta.url));

/** What a configured build says about its levels. */
function configure(levels: string) {
  const folder = mkdtempSync(join(tmpdir(), "cpu-levels-"));
  const run = spawnSync("cmake", ["-S", source, "-B", folder, "-DCMAKE_BUILD_TYPE=Release", `-DELASTIC_ATTENTION_CPU_LEVELS=${levels}`], { encoding: "utf8" });
  rmSync(folder, { recursive: true });
  return { status: run.status, levels: /Kernels for (.*)/.exec(run.stdout)?.[1]?.split(";").sort(), error: run.stderr.replaceAll(/\s+/g, " ") };
}

const hasCmake = spawnSync("cmake", ["--version"]).status === 0;

describe.skipIf(process.arch !== "x64" || !hasCmake)("ELASTIC_ATTENTION_CPU_LEVELS", () => {
  test("brings the levels that a level is made of", () => {
    expect(configure("avx-vnni").levels).toEqual(["avx-vnni", "avx2"]);
    expect(configure("plain,amx").levels).toEqual(["amx", "avx512", "avx512-bf16", "plain"]);
  });

  test("is refused with the list of levels where it names one that does not exist", () => {
    const { status, error } = configure("avx2,sse9");
    expect(status).not.toBe(0);
    expect(error).toContain("there is no level sse9. Levels: all, machine, or some of plain;avx2;avx-vnni;avx512;avx512-bf16;amx.");
  });

  test("finds the best level of this machine by itself", () => {
    expect(configure("machine").levels).toContain(availableInstructionSets(loadAddon()).at(-1));
  });

  test("knows every file that is named after a level", () => {
    const named = readdirSync(join(source, "native"), { recursive: true, encoding: "utf8" }).filter((file) => /_(avx\w*|bf16|amx\w*)\.cpp$/.test(file));
    const lists = readFileSync(join(source, "cmake", "levels.cmake"), "utf8");
    expect(named.length).toBeGreaterThan(8);
    for (const file of named) expect(lists).toContain(`native/${file}`);
  });
});
