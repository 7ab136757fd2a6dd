import { spawn, spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";

const program = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));
const answers: [name: string, args: string[]][] = [
  ["run", ["run", "Tell me a long story.", "-n", "200", "--temperature", "1", "--seed", "3"]],
  ["run --json", ["run", "Hi", "-n", "2", "--json"]],
  ["inspect", ["inspect"]],
  ["doctor", ["doctor"]],
  ["eval --list", ["eval", "--list"]],
  ["--help", ["--help"]],
];

beforeAll(() => {
  if (!existsSync(program)) throw new Error("Build the command line first: pnpm build.");
});

describe.skipIf(!existsSync("/dev/full"))("standard output that is full", () => {
  test.each(answers)("ends %s with a clear word and code 1", (_, args) => {
    const full = openSync("/dev/full", "w");
    const { status, stderr } = spawnSync(process.execPath, [program, ...args], { env: environment, stdio: ["ignore", full, "pipe"], encoding: "utf8" });
    closeSync(full);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/error: standard output cannot be written: no space is left on the device\.\n$/) as string]);
  });
});

describe("standard output whose reader has left", () => {
  test.each(answers)("ends %s with code 141 and without a word of it", async (_, args) => {
    const child = spawn(process.execPath, [program, ...args], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    // The reader is gone before the first byte.
    child.stdout.destroy();
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
    expect([status, stderr]).toEqual([141, expect.not.stringMatching(/EPIPE|error|\n\s+at /) as string]);
  });
});
