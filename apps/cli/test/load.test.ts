import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeSafetensors } from "@elastic-attention/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));
const program = path("../dist/main.js");
const model = path("../../../packages/demo-model/model");
const examples = { mode: path("../../example-mode"), router: path("../../example-router"), adapter: path("../../example-adapter"), kernel: path("../../example-kernel") };
const modules = { backend: path("modules/own-backend.mjs"), suite: path("modules/own-suite.mjs") };
const folder = mkdtempSync(join(tmpdir(), "cli-load-"));
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));

function cli(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, ...args], { encoding: "utf8", env: environment, input: "", timeout: 60_000, cwd: folder });
}

function report(...args: string[]): { modes: string[]; router: string; modelSparsity: number } {
  const { stdout, stderr } = cli(...args, "--json");
  if (stdout === "") throw new Error(stderr);
  return (JSON.parse(stdout) as { report: { modes: string[]; router: string; modelSparsity: number } }).report;
}

beforeAll(() => {
  for (const built of [program, ...Object.values(examples).map((example) => join(example, "dist", "index.js"))]) {
    if (!existsSync(built)) throw new Error(`${built} is missing; build first: pnpm build.`);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a mode that --load brings", () => {
  const run = ["run", "Hello, who are you?", "-n", "2", "--load", examples.mode];

  test("is named by --mode: by its kind, or by the labels of a pair", () => {
    expect(report(...run, "--mode", "dilated").modes).toEqual(["FA", "DA"]);
    expect(report(...run, "--mode", "fa-da", "--sparsity", "0.5")).toMatchObject({ modes: ["FA", "DA"], modelSparsity: 0.5 });
    expect(report(...run, "--mode", "da-ssa").modes).toEqual(["DA", "SSA"]);
  });

  test("is offered beside the others where a mode is misspelt, and unknown without --load", () => {
    const misspelt = cli(...run, "--mode", "dilatd");
    expect([misspelt.status, misspelt.stderr]).toEqual([1, expect.stringMatching(/--mode must be one of .*full, .*dilated, fa-da, found "dilatd"[\s\S]*Did you mean "dilated"\?/) as string]);
    expect(cli("run", "Hello", "--mode", "dilated")).toMatchObject({ status: 1, stderr: expect.stringMatching(/found "dilated"/) as string });
  });

  test("works in every command that routes heads", () => {
    const load = ["--load", examples.mode, "--mode", "fa-da"];
    expect(report("inspect", "A prompt", ...load).modes).toEqual(["FA", "DA"]);
    expect(JSON.parse(cli("bench", "--tokens", "64", "--new-tokens", "1", "--rounds", "1", "--json", ...load).stdout)).toMatchObject({ measurements: [{ mode: "fa-da" }, { mode: "full" }] });
    const ids = Int32Array.of(0, 17, 400, 3000);
    writeSafetensors(join(folder, "ids.safetensors"), new Map([["input_ids", { type: "I32", shape: [4], bytes: () => new Uint8Array(ids.buffer) }]]));
    expect(cli("forward", "--ids", "ids.safetensors", "--out", "out.safetensors", ...load).status).toBe(0);
    const evaluated = cli("eval", "needle-grid", "--lengths", "256", "--limit", "1", "--load", examples.mode, "--mode", "full,dilated", "--out", "dilated");
    expect([evaluated.status, evaluated.stdout]).toEqual([0, expect.stringMatching(/dilated +\d/) as string]);
  }, 120_000);
});

test("a router that --load brings is named by --router, obeys the sparsity dial, and is named in the report", () => {
  const run = ["run", "Hello, who are you?", "-n", "2", "--load", examples.router, "--router", "key-spread"];
  expect(report(...run).router).toBe("own");
  expect(report(...run, "--sparsity", "0.25").modelSparsity).toBe(0.25);
  expect(cli(...run).stderr).toMatch(/Router: +registered router key-spread\n/);
  const evaluated = cli("eval", "needle-grid", "--lengths", "256", "--limit", "1", "--mode", "fa-ssa", "--out", "spread", "--load", examples.router, "--router", "key-spread");
  expect([evaluated.status, evaluated.stderr]).toEqual([0, expect.not.stringContaining("error") as string]);
  expect(JSON.parse(readFileSync(join(folder, "spread", "run.json"), "utf8"))).toMatchObject({ settings: { router: "key-spread" } });
}, 120_000);

test("an adapter that --load brings reads its architecture", () => {
  const mistral = join(folder, "mistral");
  cpSync(model, mistral, { recursive: true });
  const config = JSON.parse(readFileSync(join(model, "config.json"), "utf8")) as object;
  writeFileSync(join(mistral, "config.json"), JSON.stringify({ ...config, architectures: ["InternLM3ForCausalLM"], model_type: "internlm3" }));
  expect(cli("inspect", "--model", mistral)).toMatchObject({ status: 1, stderr: expect.stringMatching(/InternLM3ForCausalLM/) as string });
  expect(JSON.parse(cli("inspect", "--model", mistral, "--load", examples.adapter, "--json").stdout)).toMatchObject({ checkpoint: { adapter: "internlm3" } });
  expect(cli("doctor", "--load", examples.adapter).stdout).toContain("internlm3");
});

test("a backend that --load brings computes, in the engine's thread too", () => {
  const { stdout } = cli("run", "Hi", "-n", "1", "--load", modules.backend, "--backend", "mine", "--json");
  expect(JSON.parse(stdout)).toMatchObject({ report: { newTokens: 1 } });
  expect(cli("run", "Hi", "--backend", "mine").stderr).toMatch(/"mine" is not available/);
});

test("a kernel that --load brings runs in a backend of its name", () => {
  const command = ["run", "Hi", "-n", "1", "--backend", "cpu-exact", "--json"];
  expect(JSON.parse(cli(...command, "--load", examples.kernel).stdout)).toMatchObject({ report: { newTokens: 1 } });
  expect(cli(...command).stderr).toMatch(/"cpu-exact" is not available/);
});

test("a suite that --load brings is listed and evaluated", () => {
  expect(cli("eval", "--list", "--load", modules.suite).stdout).toContain("greetings");
  const { status, stdout } = cli("eval", "greetings", "--mode", "full", "--out", "greeted", "--load", modules.suite);
  expect([status, stdout]).toEqual([0, expect.stringMatching(/greetings: 1 prompt\n {2}full +100\.00/) as string]);
});

test("several modules are loaded in their order", () => {
  expect(report("run", "Hello", "-n", "1", "--load", examples.mode, "--load", examples.router, "--mode", "fa-da", "--router", "key-spread")).toMatchObject({ modes: ["FA", "DA"], router: "own" });
});

test.each<[what: string, module: string, words: RegExp]>([
  ["is not there", "./none.mjs", /--load: \.\/none\.mjs was not found[\s\S]*hint/],
  ["is not installed", "no-such-package", /--load: no-such-package was not found[\s\S]*hint/],
  ["has no default export", path("modules/without-default.mjs"), /has no default export that is a function[\s\S]*export default/],
  ["fails", path("modules/failing.mjs"), /failed while it registered: no licence/],
])("a module that %s is an error with its name, before anything is loaded", (_, module, words) => {
  const { status, stderr } = cli("run", "Hi", "--load", module);
  expect([status, stderr]).toEqual([1, expect.stringMatching(words) as string]);
  expect(stderr).not.toMatch(/Loading the model|\n\s+at /);
});
