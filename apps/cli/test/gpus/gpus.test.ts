import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const program = fileURLToPath(new URL("../../dist/main.js", import.meta.url));
const addons = fileURLToPath(new URL("../../../../packages/distributed/build/Release", import.meta.url));
const built = existsSync(program) && existsSync(`${addons}/elastic_attention_ranks.node`);
const withMpi = built && existsSync(`${addons}/elastic_attention_mpi.node`) && spawnSync("mpirun", ["--version"]).status === 0;
// Without vitest's own conditions, as a user runs it.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));

const prompt = ["run", "--raw", "--greedy", "-n", "6", "--json", "Call me Ishmael. Some years ago"];

interface Answer {
  readonly text: string;
  readonly model: { readonly notes: readonly string[]; readonly numKeyValueHeads: number };
  readonly report: { readonly assignment: unknown };
}

function run(command: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", env: environment, input: "", timeout: 60_000 });
  return { status, stderr, stdout, answer: () => JSON.parse(stdout) as Answer };
}

describe.skipIf(!built)(`--gpus${built ? "" : " (skipped: build first)"}`, () => {
  test("answers as one process does, under the same routing, and says that the model is shared", { timeout: 60_000 }, () => {
    const alone = run(process.execPath, [program, ...prompt]).answer();
    const shared = run(process.execPath, [program, ...prompt, "--gpus", "2"]);
    expect(shared.status).toBe(0);
    const { text, model, report } = shared.answer();
    expect([text, report.assignment, model.numKeyValueHeads]).toEqual([alone.text, alone.report.assignment, 4]);
    expect(model.notes).toContainEqual(expect.stringMatching(/^2 ranks share the model \(shared memory\)/));
  });

  test.skipIf(!withMpi)(`is what mpirun's ranks do without it${withMpi ? "" : " (skipped: no MPI)"}`, { timeout: 60_000 }, () => {
    const launcher = ["-n", "2", "--oversubscribe", ...(process.getuid?.() === 0 ? ["--allow-run-as-root"] : []), process.execPath, program];
    const shared = run("mpirun", [...launcher, ...prompt]);
    expect(shared.status).toBe(0);
    // One rank speaks.
    expect(shared.answer().model.notes).toContainEqual(expect.stringMatching(/^2 ranks share the model \(MPI\)/));
    const { status, stderr } = run("mpirun", [...launcher, ...prompt, "--gpus", "3"]);
    expect([status === 0, stderr]).toEqual([false, expect.stringMatching(/--gpus is 3, but the launcher started 2 ranks/)]);
  });

  test("refuses a number that does not divide the heads, and names those that do", { timeout: 60_000 }, () => {
    const { status, stderr } = run(process.execPath, [program, ...prompt, "--gpus", "3"]);
    expect(status).toBe(1);
    expect(stderr).toMatch(/4 key-value heads with 8 query heads cannot be shared by 3 ranks/);
    expect(stderr).toMatch(/Take 1, 2, 4, 8/);
  });

  test("ends every rank when one is killed, names it, and leaves nothing behind", { timeout: 60_000 }, async () => {
    const child = spawn(process.execPath, [program, "run", "--raw", "--greedy", "-n", "5000", "--gpus", "2", "Once"], { env: environment, stdio: ["ignore", "pipe", "pipe"] });
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
    const ended = new Promise((resolve) => child.once("close", resolve));
    // Its first token: all ranks compute.
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const [rank] = childrenOf(child.pid!);
    const killed = performance.now();
    process.kill(rank!, "SIGKILL");
    expect(await ended).toBe(1);
    expect(performance.now() - killed).toBeLessThan(10_000);
    expect(errors).toMatch(/rank 1 of 2 has ended, so every rank ends/);
    await setTimeout(100);
    expect(readdirSync("/dev/shm").filter((name) => name.startsWith("elastic-attention-"))).toEqual([]);
  });
});

/** Processes that a process has started. */
function childrenOf(process: number): number[] {
  return readFileSync(`/proc/${process}/task/${process}/children`, "utf8").trim().split(/\s+/).filter(Boolean).map(Number);
}
