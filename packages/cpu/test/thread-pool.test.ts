import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const sources = ["test/native/thread_pool_check.cpp", "native/built_levels.cpp", ...["thread_pool", "execution", "instruction_set"].map((name) => `native/core/${name}.cpp`)];

test("callers with different threads share the pool without a race, by ThreadSanitizer", { timeout: 120_000 }, (context) => {
  const folder = mkdtempSync(join(tmpdir(), "elastic-attention-pool-"));
  try {
    const program = join(folder, "check");
    const options = ["-std=c++20", "-O1", "-g", "-fsanitize=thread", "-pthread", "-Inative", "-I../addon/native", "-o", program];
    const built = spawnSync("g++", [...options, ...sources], { cwd: root, encoding: "utf8" });
    if (built.error !== undefined || /cannot find.*tsan/.test(built.stderr)) context.skip("there is no g++ with ThreadSanitizer");
    expect(built.stderr).toBe("");
    const run = spawnSync(program, { encoding: "utf8" });
    if (/unexpected memory mapping/.test(run.stderr)) context.skip("ThreadSanitizer does not run on this kernel");
    expect({ status: run.status, stderr: run.stderr }).toEqual({ status: 0, stderr: "" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
