import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { FakeHub } from "@elastic-attention/hub/fake-hub";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const program = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "cli-models-"));
const model = Object.fromEntries(readdirSync(demoModelDirectory()).map((name) => [name, readFileSync(join(demoModelDirectory(), name))]));
const name = "someone/demo";
const gguf = fileURLToPath(new URL("../../../tooling/parity/fixtures/gguf/qwen3-q8_0-split/", import.meta.url));
/** A repository of one model in two quantisations, one of them in parts. */
const quantised = Object.fromEntries([
  ...["00001", "00002"].map((part) => [`Demo-Q8_0-${part}-of-00002.gguf`, readFileSync(join(gguf, `model-${part}-of-00002.gguf`))] as const),
  ["Demo-Q4_1.gguf", Buffer.from("not asked for")] as const,
]);
let hub: FakeHub;
let cache: string;
let runs = 0;

beforeAll(async () => {
  if (spawnSync(process.execPath, [program, "--version"]).status !== 0) throw new Error("Build the command line first: pnpm build.");
  hub = await FakeHub.start({ [name]: { ...model, "pytorch_model.bin": "x" }, "someone/demo-GGUF": quantised, "someone/strange": { ...model, "config.json": '{"architectures":["Strange"]}' } });
});
beforeEach(() => {
  cache = join(folder, `cache-${runs++}`);
  hub.requests.length = 0;
});
afterAll(async () => {
  await hub[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the command line; `until`: Ctrl-C as soon as that holds. */
async function cli(args: readonly string[], until?: () => boolean) {
  const { NODE_OPTIONS: _, HF_TOKEN: __, HF_HUB_OFFLINE: ___, ...inherited } = process.env;
  const child = spawn(process.execPath, [program, ...args], { cwd: folder, env: { ...inherited, HF_ENDPOINT: hub.url, HF_HUB_CACHE: cache } });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.end();
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  if (until !== undefined) {
    while (child.exitCode === null && !until()) await setTimeout(20);
    child.kill("SIGINT");
  }
  const status = await ended;
  return { status, stdout, stderr };
}

/** Bytes of what is half fetched. */
const partSizes = () =>
  existsSync(cache) ? readdirSync(cache, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".incomplete")).map((file) => statSync(join(cache, file)).size) : [];

const fetched = () => Array.from(new Set(hub.requests.flatMap(({ path }) => /\/resolve\/[^/]+\/(.+)/.exec(path)?.[1] ?? [])));

describe("a model of the hub", () => {
  test("is fetched and answers, by its name", async () => {
    const { status, stdout, stderr } = await cli(["run", "--backend", "reference", "--raw", "-n", "2", "--json", "--model", name, "Call me"]);
    expect([status, stderr]).toEqual([0, expect.not.stringMatching(/Fetching|error/)]);
    expect(JSON.parse(stdout)).toMatchObject({ model: { name } });
    expect(fetched()).not.toContain("pytorch_model.bin");
  });

  test("in GGUF is fetched in the quantisation that is named, and answers with its own tokenizer and template", async () => {
    const { status, stdout, stderr } = await cli(["run", "--backend", "reference", "-n", "2", "--json", "--model", "someone/demo-GGUF:Q8_0", "Hello"]);
    expect([status, stderr]).toEqual([0, expect.not.stringMatching(/error/)]);
    expect(JSON.parse(stdout)).toMatchObject({ model: { name: expect.stringMatching(/someone\/demo-GGUF/) as string } });
    expect(fetched().filter((path) => path.endsWith(".gguf")).toSorted()).toEqual(["Demo-Q8_0-00001-of-00002.gguf", "Demo-Q8_0-00002-of-00002.gguf"]);
    const strange = await cli(["run", "--model", "someone/demo-GGUF:Q5_K_M", "Hello"]);
    expect([strange.status, strange.stderr]).toEqual([1, expect.stringMatching(/Q5_K_M[\s\S]*Q8_0/)]);
  });

  test("that could not be loaded is refused before its weights are fetched", async () => {
    const { status, stderr } = await cli(["run", "--model", "someone/strange", "hello"]);
    expect([status, stderr]).toEqual([1, expect.stringContaining('Architecture "Strange" is not supported')]);
    expect(fetched()).toEqual(["config.json"]);
  });

  test("is pulled, listed and removed", async () => {
    const pulled = await cli(["pull", name, "--json"]);
    expect([pulled.status, pulled.stderr]).toEqual([0, ""]);
    const commit = hub.commit(name);
    expect(JSON.parse(pulled.stdout)).toMatchObject({ name, repository: name, revision: "main", commit, format: "safetensors", current: true });
    expect((await cli(["pull", name])).stderr).toMatch(/all of it was in the cache/);
    expect((await cli(["list"])).stdout).toMatch(new RegExp(`^NAME .*\n${name} +main \\(${commit.slice(0, 7)}\\) +[\\d.]+ MB +just now +safetensors\n`));
    expect(JSON.parse((await cli(["list", "--json"])).stdout)).toMatchObject({ models: [{ name, commit, complete: true, format: "safetensors" }] });
    expect((await cli(["remove", name])).stdout).toMatch(/^Removed someone\/demo; [\d.]+ MB freed\n$/);
    expect(await cli(["remove", name])).toMatchObject({ status: 1, stderr: expect.stringMatching(/^error: someone\/demo is not in the cache .*has no models\.\n$/s) as string });
  });

  test("that Ctrl-C stops is resumed by the same command", async () => {
    hub.faults.stallAfter = 4_000_000;
    // Lines of progress come now and then: the file itself tells how far it is.
    const stopped = await cli(["pull", name], () => partSizes().some((bytes) => bytes >= 3_900_000));
    expect([stopped.status, stopped.stdout]).toEqual([130, ""]);
    expect(stopped.stderr).toMatch(/Stopped; what was fetched is kept, and the same command resumes\.\n$/);
    delete hub.faults.stallAfter;
    hub.requests.length = 0;
    expect((await cli(["pull", name])).status).toBe(0);
    expect(hub.requests.some(({ range }) => /^bytes=[34]\d{6}-/.test(range ?? ""))).toBe(true);
  });

  test("that is not there, and a path, are refused in words", async () => {
    expect((await cli(["pull", "someone/dem"])).stderr).toMatch(/Did you mean someone\/demo/);
    expect((await cli(["run", "--model", "./none", "x"])).stderr).toMatch(/^error: \.\/none does not exist/);
    expect((await cli(["pull", demoModelDirectory()])).stderr).toMatch(/is on this disk: there is nothing to fetch/);
  });
});
