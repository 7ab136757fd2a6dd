import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { description } from "../pipelines.js";
import { hostileFiles, hostileTexts } from "./hostile-files.js";

const built = fileURLToPath(new URL("../../dist/index.js", import.meta.url));
const child = fileURLToPath(new URL("hostile-child.mjs", import.meta.url));
const files = Object.fromEntries(Object.entries(hostileFiles).map(([name, parts]) => [name, description(parts)]));

describe.skipIf(!existsSync(built) || !existsSync("/proc/self/status"))("hostile tokenizers in a process of their own (skipped before the package is built, and where no /proc tells the memory)", () => {
  it("all of them end in typed errors, and the process grows by less than 64 MB", { timeout: 120_000 }, () => {
    const flags = ["--max-old-space-size=64", "--max-semi-space-size=4"];
    const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, child], { input: JSON.stringify({ files, texts: hostileTexts }), encoding: "utf8", timeout: 100_000 });
    expect(stderr.slice(-500)).toBe("");
    expect(status).toBe(0);
    const { wrong, grown } = JSON.parse(stdout) as { wrong: string[]; grown: number };
    expect(wrong).toEqual([]);
    expect(grown).toBeLessThan(64);
  });
});
