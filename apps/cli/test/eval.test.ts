import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const program = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "cli-eval-"));
// Without vitest's own conditions, as a user runs it.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));

function cli(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, "eval", ...args], { encoding: "utf8", env: environment, input: "", timeout: 200_000, cwd: folder });
}

const lines = (path: string) => (existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0);
const small = ["ruler", "--tasks", "niah_single_1", "--lengths", "512", "--limit", "1", "--sweep", "0.5", "--out", "first"];

beforeAll(() => {
  if (!existsSync(program)) throw new Error("Build the command line first: pnpm build.");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("an evaluation", () => {
  test("writes records, summary and report, and sums up on the terminal", () => {
    const { status, stdout, stderr } = cli(...small);
    expect([status, stderr.includes("error")]).toEqual([0, false]);
    expect(stdout).toMatch(/ruler: 1 prompt\n {2}full +100\.00 {2}0% of heads sparse \(MSR\), 0% of blocks skipped \(ESR\).*\n {2}fa-ssa +100\.00 {2}[6-9]\d% of heads sparse/);
    expect(stdout).toContain("fa-ssa with 50% of heads sparse (MSR) keeps 100.0%");
    expect(stdout).toContain(`Report: ${join(folder, "first", "report.html")}`);
    expect(lines(join(folder, "first", "records.jsonl"))).toBe(3);
    expect(readFileSync(join(folder, "first", "report.html"), "utf8")).toMatch(/^<!doctype html>[\s\S]*elastic-attention eval ruler/);
  });

  test("goes on only when asked to, and only with the same settings", () => {
    expect(cli(...small)).toMatchObject({ status: 1, stderr: expect.stringMatching(/first holds another run[\s\S]*--resume/) as string });
    const other = cli(...small, "--resume", "--seed", "7");
    expect([other.status, other.stderr]).toEqual([1, expect.stringMatching(/other settings: seed is 7 and was 42/) as string]);
    const again = cli(...small, "--resume", "--json");
    expect(JSON.parse(again.stdout)).toMatchObject({ records: 3, settings: { seed: 42 } });
  });

  test("is refused before weights are read where one of its modes needs a router and the model has none", () => {
    const model = fileURLToPath(new URL("../../../tooling/parity/fixtures/gguf/llama3-rope-q4_0/model.gguf", import.meta.url));
    const { status, stderr } = cli("ruler", "--tasks", "niah_single_1", "--lengths", "512", "--limit", "1", "--mode", "full,fa-ssa", "--model", model, "--out", "none");
    expect([status, stderr]).toEqual([1, expect.stringMatching(/Mode "fa-ssa" needs a router.*\n +hint: .*heads/) as string]);
    expect(existsSync(join(folder, "none"))).toBe(false);
  });

  test("names the routers' file in its record, and refuses to resume with another one", () => {
    const model = fileURLToPath(new URL("../../../packages/demo-model/model", import.meta.url));
    const [routers, others] = [join(folder, "routers.safetensors"), join(folder, "others.safetensors")];
    cpSync(join(model, "routers.safetensors"), routers);
    // The same weights under another name in the file's metadata make another file.
    const bytes = readFileSync(routers);
    const length = Number(bytes.readBigUInt64LE(0));
    const padded = Buffer.concat([Buffer.alloc(8), bytes.subarray(8, 8 + length), Buffer.from("        "), bytes.subarray(8 + length)]);
    padded.writeBigUInt64LE(BigInt(length + 8));
    writeFileSync(others, padded);
    const run = (file: string, ...more: string[]) => cli("needle-grid", "--lengths", "256", "--limit", "1", "--mode", "fa-ssa", "--router", file, "--out", "routed", ...more);
    expect(run(routers).status).toBe(0);
    const { settings, environment } = JSON.parse(readFileSync(join(folder, "routed", "run.json"), "utf8")) as { settings: { routersHash: string }; environment: { routersFile: string } };
    expect([settings.routersHash, environment.routersFile]).toEqual([createHash("sha256").update(`\n${bytes.length}\n`).update(bytes).digest("hex"), routers]);
    const resumed = run(others, "--resume");
    expect([resumed.status, resumed.stderr]).toEqual([1, expect.stringMatching(/other settings: routersHash is "[0-9a-f…]+" and was "[0-9a-f…]+"/) as string]);
    expect(run(routers, "--resume").status).toBe(0);
    expect(run("none.safetensors", "--resume")).toMatchObject({ status: 1, stderr: expect.stringMatching(/none\.safetensors/) as string });
  });

  test("refuses a run.json that is damaged, by the name of what is wrong", () => {
    writeFileSync(join(folder, "routed", "run.json"), '{"settings":{}}');
    const { status, stderr } = cli("report", "routed");
    expect([status, stderr]).toEqual([1, expect.stringMatching(/run\.json does not describe a run: settings\.suites: [\s\S]*hint/) as string]);
  });

  test("takes official data in the published form", () => {
    const { stdout } = cli("longbench-e", "--data", "look-alike", "--tasks", "trec", "--mode", "full", "--limit", "1", "--out", "look-alike-run");
    expect(stdout).toMatch(/longbench-e: \d+ prompts?\n/);
  });

  test("is laid beside another, and its report is written again", () => {
    expect(cli("needle-grid", "--lengths", "256", "--limit", "1", "--mode", "full,streaming", "--out", "second").status).toBe(0);
    rmSync(join(folder, "second", "report.html"));
    expect(cli("report", "second").stdout).toContain("Report:");
    expect(existsSync(join(folder, "second", "report.html"))).toBe(true);
    const { status, stdout } = cli("compare", "first", "second", "--out", "both.html");
    expect([status, stdout]).toEqual([0, expect.stringMatching(/first full +100\.00[\s\S]*second streaming/) as string]);
    expect(readFileSync(join(folder, "both.html"), "utf8")).toContain("Evaluations side by side");
  });

  test("stops at Ctrl-C, keeps what was done, and goes on from there", async () => {
    const args = ["ruler", "--tasks", "niah_single_1", "--lengths", "768", "--limit", "12", "--out", "stopped"];
    const child = spawn(process.execPath, [program, "eval", ...args], { env: environment, cwd: folder });
    let stderr = "";
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
    const records = join(folder, "stopped", "records.jsonl");
    while (child.exitCode === null && lines(records) < 2) await setTimeout(5);
    child.kill("SIGINT");
    expect(await ended).toBe(130);
    expect(stderr).toMatch(/Stopped; what was done is kept.*--resume/);
    // Twelve requests at once listen for one signal, and Node is not to warn of it.
    expect(stderr).not.toMatch(/Warning/);
    const before = readFileSync(records, "utf8");
    expect(lines(records)).toBeLessThan(24);
    expect(cli(...args, "--resume").status).toBe(0);
    expect(lines(records)).toBe(24);
    // Not one of them was run again: their times are still those of the first start.
    const after = new Set(readFileSync(records, "utf8").split("\n"));
    expect(before.split("\n").every((line) => after.has(line))).toBe(true);
  });
});

test("suites, tasks and presets are listed", () => {
  const { stdout } = cli("--list");
  for (const part of ["ruler", "niah_multikey_3", "--preset paper", "longbench-v2", "perplexity"]) expect(stdout).toContain(part);
});

test.each<[what: string, args: string[], words: RegExp]>([
  ["no suite", [], /no suite to evaluate[\s\S]*ruler/],
  ["an unknown suite", ["rulr"], /Did you mean "ruler"/],
  ["an unknown task", ["ruler", "--tasks", "niah_singel_1"], /Did you mean "niah_single_1"/],
  ["an unknown mode", ["ruler", "--mode", "fa-sa"], /Did you mean "fa-ssa"/],
  ["an unknown preset", ["ruler", "--preset", "papre"], /Did you mean "paper"/],
  ["missing data", ["longbench-e"], /longbench|LongBench/],
  ["a list of heads that is not there", ["ruler", "--mode", "list:none.json", "--limit", "1"], /Cannot read the head list none\.json[\s\S]*hint/],
  ["a file without a role", ["ruler", "--file", "essays.txt"], /role=path/],
  ["a missing file whose role has a hyphen", ["longbench", "--tasks", "repobench-p", "--file", "repobench-p=absent.jsonl"], /absent\.jsonl does not exist/],
  ["a limit of no sweep", ["ruler", "--sweep-limit", "1"], /--sweep-limit does nothing without --sweep/],
  ["a head list beside routers", ["needle-grid", "--heads", "a", "--router", "b"], /Both a head list and routers/],
  ["a sweep beyond 1", ["ruler", "--sweep", "0.5,2"], /between 0 and 1/],
  ["a comparison of one", ["compare", "first"], /two runs or more/],
  ["a report of no run", ["report", "."], /holds no run/],
])("%s is an error with a hint, not a stack trace", (_, args, words) => {
  const { status, stderr } = cli(...args);
  expect([status, stderr]).toEqual([1, expect.stringMatching(words) as string]);
  expect(stderr).not.toMatch(/\n\s+at /);
});
