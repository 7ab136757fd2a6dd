import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const program = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const example = fileURLToPath(new URL("../../../packages/training/example", import.meta.url));
const model = fileURLToPath(new URL("../../../packages/demo-model/model", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "cli-train-"));
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));

function cli(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, ...args], { encoding: "utf8", env: environment, input: "", timeout: 120_000 });
}

/** The shipped example with some settings changed. */
function configure(name: string, changes: object): string {
  const path = join(folder, `${name}.json`);
  const config = JSON.parse(readFileSync(join(example, "config.json"), "utf8")) as { optimizer: object };
  writeFileSync(path, JSON.stringify({ ...config, output: name, ...changes }));
  return path;
}

beforeAll(() => {
  if (!existsSync(program)) throw new Error("Build the command line first: pnpm build.");
  cpSync(join(example, "rows.jsonl.gz"), join(folder, "rows.jsonl.gz"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("rows", () => {
  test("writes the tasks of a suite as rows that training takes, and refuses a suite without answers", () => {
    const path = join(folder, "needles.jsonl.gz");
    const { status, stderr } = cli("rows", "recall", "--out", path, "--tasks", "needle,copy", "--lengths", "512", "--limit", "2");
    expect(stderr).toBe(`Wrote 4 rows to ${path}.\n`);
    expect(status).toBe(0);
    const rows = gunzipSync(readFileSync(path)).toString("utf8").trimEnd().split("\n").map((line) => JSON.parse(line) as { answer: string; metadata: { task: string } });
    expect(rows.map(({ metadata }) => metadata.task)).toEqual(["needle", "needle", "copy", "copy"]);
    const config = configure("rows", {
      data: { files: [path], layout: "plain", packTokens: 1200, minimumTokens: 100, lossTokens: "answer", pooling: 16 },
      tasks: [{ name: "needle", kind: "sensitive", target: 0.8 }, { name: "copy", kind: "sensitive", target: 0.7 }],
      optimizer: { steps: 1, packsPerStep: 1 },
    });
    expect(cli("train", "--config", config).stderr).toMatch(/step 1 of 1: loss/);
    const refused = cli("rows", "ruler", "--out", join(folder, "none.jsonl"));
    expect(refused.status).not.toBe(0);
    expect(refused.stderr).toContain("gives no answers to train on");
  });
});

describe("train", () => {
  test("trains the demo model's routers on the shipped example, and run takes them", () => {
    const config = configure("two-steps", { optimizer: { steps: 2, packsPerStep: 1 } });
    const { status, stderr } = cli("train", "--config", config);
    expect(stderr).toMatch(/step 2 of 2: loss .* MSR .* tokens\/s/);
    expect(status).toBe(0);
    for (const file of ["routers.safetensors", "checkpoint.safetensors", "log.jsonl", "report.svg", "report.html"]) {
      expect(existsSync(join(folder, "two-steps", file))).toBe(true);
    }
    const run = cli("run", "Hello, who are you?", "-n", "4", "--json", "--router", join(folder, "two-steps", "routers.safetensors"));
    expect(JSON.parse(run.stdout)).toMatchObject({ model: { router: "learned" }, report: { router: "learned" } });
    const both = cli("run", "Hi", "--router", join(folder, "two-steps", "routers.safetensors"), "--heads", join(model, "heads.json"));
    expect([both.status, both.stderr]).toEqual([1, expect.stringMatching(/Both a head list and routers were given/)]);
    // In the model's folder they are the default, and a head list still decides when it is asked for.
    const own = join(folder, "with-routers");
    cpSync(model, own, { recursive: true });
    cpSync(join(folder, "two-steps", "routers.safetensors"), join(own, "routers.safetensors"));
    const byDefault = cli("run", "Hello, who are you?", "-n", "4", "--json", "--model", own);
    expect((JSON.parse(byDefault.stdout) as { report: { headMap: unknown } }).report.headMap).toEqual((JSON.parse(run.stdout) as { report: { headMap: unknown } }).report.headMap);
    const listed = cli("run", "Hello, who are you?", "-n", "4", "--model", own, "--heads", join(own, "heads.json"));
    expect(listed.stderr).toMatch(/Router: +static head list .*heads\.json, instead of the model's learned routers\nSparsity: +75% of heads sparse/);
    expect(cli("inspect", "--model", own).stdout).toContain("router: trained, in routers.safetensors");
  }, 240_000);

  test("names a misspelt key with the nearest one, and data that cannot be used", () => {
    const misspelt = cli("train", "--config", configure("misspelt", { dtpye: "f32" }));
    expect([misspelt.status, misspelt.stderr]).toEqual([1, expect.stringMatching(/dtpye is not known\.\s+hint: Did you mean `dtype`\?/)]);
    const missing = cli("train", "--config", configure("missing", { data: { files: ["none.jsonl"] } }));
    expect([missing.status, missing.stderr]).toEqual([1, expect.stringMatching(/Cannot read .*none\.jsonl/)]);
    const resumed = cli("train", "--resume", "--config", configure("nothing", {}));
    expect([resumed.status, resumed.stderr]).toEqual([1, expect.stringMatching(/Cannot read .*checkpoint\.safetensors/)]);
  });
});
