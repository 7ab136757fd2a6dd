import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { hostileTemplates } from "./hostile-templates.js";

const built = fileURLToPath(new URL("../../dist/index.js", import.meta.url));
const child = fileURLToPath(new URL("hostile-child.mjs", import.meta.url));

describe.skipIf(!existsSync(built))("hostile templates in a process of their own (skipped before the package is built)", () => {
  it("all of them end in typed errors, and the process grows by less than 64 MB", { timeout: 200_000, retry: 1 }, () => {
    const flags = ["--max-old-space-size=48", "--max-semi-space-size=4"];
    const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, child], { input: JSON.stringify(hostileTemplates), encoding: "utf8", timeout: 150_000 });
    expect(stderr.slice(-500)).toBe("");
    expect(status).toBe(0);
    const { wrong, grown } = JSON.parse(stdout) as { wrong: string[]; grown: number };
    expect(wrong).toEqual([]);
    expect(grown).toBeLessThan(64);
  });
});
