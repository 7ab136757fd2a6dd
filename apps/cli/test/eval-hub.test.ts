import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { lookAlikeRows } from "@elastic-attention/evaluation";
import { FakeHub } from "@elastic-attention/hub/fake-hub";
import { strToU8, zipSync } from "fflate";
import { parquetWriteBuffer, type SchemaElement } from "hyparquet-writer";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const program = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const mpi = fileURLToPath(new URL("../../../packages/distributed/build/Release/elastic_attention_mpi.node", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "cli-hub-"));
const jsonLines = (name: string) => strToU8(lookAlikeRows(name).map((row) => `${JSON.stringify(row)}\n`).join(""));
const archive = zipSync({ "data/trec_e.jsonl": jsonLines("trec"), "data/trec.jsonl": jsonLines("trec") });
const question = {
  _id: "q1", domain: "Single-Document QA", sub_domain: "Invented", difficulty: "easy", length: "short",
  question: "Which?", choice_A: "a", choice_B: "b", choice_C: "c", choice_D: "d", answer: "B", context: "It is b. ".repeat(200),
};
const questions = JSON.stringify([question]);
const repositories = { "datasets/zai-org/LongBench": { "data.zip": archive }, "datasets/zai-org/LongBench-v2": { "data.json": questions } };
const small = ["--limit", "1", "--mode", "full"];

let hub: FakeHub;
let cache: string;
let runs = 0;

beforeAll(async () => {
  if (spawnSync(process.execPath, [program, "--version"]).status !== 0) throw new Error("Build the command line first: pnpm build.");
  hub = await FakeHub.start(repositories);
});
beforeEach(() => {
  cache = join(folder, `cache-${runs++}`);
  hub.requests.length = 0;
});
afterAll(async () => {
  await hub[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts `eval` against the hub of this test; `until`: Ctrl-C as soon as it has said so. */
async function cli(args: readonly string[], environment: Record<string, string> = {}, options: { ranks?: number; until?: RegExp } = {}) {
  const { NODE_OPTIONS: _, HF_TOKEN: __, HF_HUB_OFFLINE: ___, ...inherited } = process.env;
  const root = process.getuid?.() === 0 ? ["--allow-run-as-root"] : [];
  const launcher = options.ranks === undefined ? [] : ["mpirun", "-n", String(options.ranks), "--oversubscribe", ...root];
  const [file, ...rest] = [...launcher, process.execPath, program, "eval", ...args];
  const child = spawn(file!, rest, { cwd: folder, env: { ...inherited, HF_ENDPOINT: hub.url, HF_HUB_CACHE: cache, ...environment } });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk.toString();
    if (options.until?.test(stderr)) child.kill("SIGINT");
  });
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { status, stdout, stderr };
}

const fetched = () => hub.requests.filter(({ path }) => path.includes("/resolve/")).map(({ path }) => path);
const suiteData = (run: string) =>
  (JSON.parse(readFileSync(join(folder, run, "run.json"), "utf8")) as { settings: { suites: { data?: string }[] } }).settings.suites.map(({ data }) => data);

describe("data from the hub", () => {
  test("are fetched, named in the record, and taken from the cache without a network", async () => {
    const args = ["longbench-e", "longbench", "longbench-v2", "--data", "hub", "--tasks", "trec,single-document-qa", ...small];
    const first = await cli([...args, "--out", "first"]);
    expect([first.status, first.stderr]).toEqual([0, expect.stringMatching(/Fetching data\.zip: .* MB of .* MB[\s\S]*Data: data\.json of zai-org\/LongBench-v2 at [0-9a-f]{40}\n/) as string]);
    expect(first.stdout).toMatch(/longbench-e: 1 prompt[\s\S]*longbench: 1 prompt[\s\S]*longbench-v2: 1 prompt/);
    // Two suites share the archive.
    expect(fetched().filter((path) => path.endsWith("data.zip"))).toHaveLength(2);
    const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");
    const [long, v2] = ["LongBench", "LongBench-v2"].map((name) => hub.commit(`datasets/zai-org/${name}`));
    const data = [
      `zai-org/LongBench data.zip at ${long}, sha256:${sha256(archive)}`,
      `zai-org/LongBench data.zip at ${long}, sha256:${sha256(archive)}`,
      `zai-org/LongBench-v2 data.json at ${v2}, sha256:${sha256(questions)}`,
    ];
    expect(suiteData("first")).toEqual(data);
    expect(readFileSync(join(folder, "first/report.html"), "utf8")).toContain(data[0]);

    const second = await cli([...args, "--out", "second"], { HF_ENDPOINT: "http://127.0.0.1:1" });
    expect([second.status, second.stderr]).toEqual([0, expect.stringContaining("the hub cannot be reached, this is what was fetched before") as string]);
    expect(second.stderr).not.toContain("Fetching");
    expect(suiteData("second")).toEqual(data);

    hub.requests.length = 0;
    const pinned = ["longbench-e", "--data", "hub", "--data-revision", `zai-org/LongBench=${long}`, "--tasks", "trec", ...small, "--out", "third", "--json"];
    const third = await cli(pinned);
    expect([third.status, third.stderr, hub.requests]).toEqual([0, "", []]);
    expect(JSON.parse(third.stdout)).toMatchObject({ settings: { suites: [{ data: data[0] }] } });
  });

  const mpirun = spawnSync("mpirun", ["--version"]).status === 0 && spawnSync("test", ["-e", mpi]).status === 0;
  test.skipIf(!mpirun)("are fetched by one rank of several", async () => {
    const { status, stderr } = await cli(["longbench-e", "--data", "hub", "--tasks", "trec", ...small, "--threads", "1", "--out", "ranks"], {}, { ranks: 2 });
    expect([status, stderr]).toEqual([0, expect.stringContaining("Data: data.zip of zai-org/LongBench") as string]);
    // One question for the size, one for the bytes.
    expect(fetched()).toHaveLength(2);
  });

  test("of RULER's questions are fetched for the tasks that ask them, unless a file is named", async () => {
    const context = "The lighthouse was built by keeper Anna. ".repeat(10);
    const squad = { data: [{ paragraphs: [{ context, qas: [{ question: "Who built it?", answers: [{ text: "keeper Anna" }] }] }] }] };
    writeFileSync(join(folder, "squad.json"), JSON.stringify(squad));
    const args = ["ruler", "--data", "hub", "--lengths", "512", ...small];
    const named = await cli([...args, "--tasks", "niah_single_1,qa_1", "--file", "squad=squad.json", "--out", "named"]);
    expect([named.status, hub.requests]).toEqual([0, []]);

    const text = (name: string): SchemaElement => ({ name, type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" });
    const rows = {
      schema: [
        { name: "schema", num_children: 4 },
        ...["title", "context", "question"].map(text),
        { name: "answers", num_children: 1, repetition_type: "OPTIONAL" },
        { name: "text", num_children: 1, repetition_type: "OPTIONAL", converted_type: "LIST" },
        { name: "list", num_children: 1, repetition_type: "REPEATED" },
        text("element"),
      ] satisfies SchemaElement[],
      columnData: [
        { name: "title", data: ["Lighthouses"] },
        { name: "context", data: [context] },
        { name: "question", data: ["Who built it?"] },
        { name: "answers", data: [{ text: ["keeper Anna"] }] },
      ],
    };
    hub.put("datasets/rajpurkar/squad_v2", { "squad_v2/validation-00000-of-00001.parquet": new Uint8Array(parquetWriteBuffer(rows)) });
    const { status, stderr } = await cli([...args, "--tasks", "qa_1", "--out", "questions"]);
    expect([status, stderr]).toEqual([0, expect.stringContaining("of rajpurkar/squad_v2 at") as string]);
    const prompts = (run: string) => readFileSync(join(folder, run, "records.jsonl"), "utf8").split("\n").filter((line) => line.includes('"qa_1"')).map((line) => (JSON.parse(line) as { promptHash: string }).promptHash);
    expect(prompts("questions")).toEqual(prompts("named"));
  });

  test("stop at Ctrl-C, and nothing is taken for whole", async () => {
    hub.faults.stallAfter = archive.length - 10;
    const stopped = await cli(["longbench-e", "--data", "hub", "--tasks", "trec", ...small, "--out", "stopped"], {}, { until: /Fetching/ });
    delete hub.faults.stallAfter;
    await setTimeout(1);
    expect([stopped.status, stopped.stderr]).toEqual([130, expect.not.stringMatching(/error|\n\s+at /) as string]);
    expect(readdirSync(join(cache, "datasets--zai-org--LongBench"))).toEqual(["blobs"]);
    expect(readdirSync(join(cache, "datasets--zai-org--LongBench/blobs"))).toEqual([expect.stringMatching(/\.incomplete$/)]);
  });

  test("a folder called hub is reached by its path", async () => {
    mkdirSync(join(folder, "hub/data"), { recursive: true });
    writeFileSync(join(folder, "hub/data/trec_e.jsonl"), jsonLines("trec"));
    const { status } = await cli(["longbench-e", "--data", "./hub", "--tasks", "trec", ...small, "--out", "folder"]);
    expect([status, hub.requests, suiteData("folder")]).toEqual([0, [], ["./hub"]]);
  });
});

describe("what goes wrong is an error with a hint before a model is loaded", () => {
  const broken = { token: undefined as string | undefined, faults: {} as FakeHub["faults"] };
  test.each<[what: string, args: string[], environment: Record<string, string>, hub: Partial<typeof broken>, words: RegExp]>([
    ["no network", [], { HF_ENDPOINT: "http://127.0.0.1:1" }, {}, /127\.0\.0\.1:1 cannot be reached[\s\S]*HF_ENDPOINT/],
    ["offline", [], { HF_HUB_OFFLINE: "1" }, {}, /data\.zip of dataset zai-org\/LongBench at main is not in the cache[\s\S]*HF_HUB_OFFLINE/],
    ["no access", [], {}, { token: "hf_secret" }, /does not give access[\s\S]*set HF_TOKEN/],
    ["wrong access", [], { HF_TOKEN: "hf_other" }, { token: "hf_secret" }, /token of HF_TOKEN has no access/],
    ["not there", [], {}, { faults: { status: 404 } }, /The hub has no dataset zai-org\/LongBench/],
    ["wrong bytes", [], {}, { faults: { corrupt: true } }, /data\.zip of dataset zai-org\/LongBench is damaged: expected sha256:/],
    ["a full disk", [], {}, { faults: { listedSize: 2 ** 52 } }, /There is no room in .*blobs[\s\S]*HF_HOME/],
    ["an unknown commit", ["--data-revision", "zai-org/LongBench=0123"], {}, {}, /no such revision of dataset zai-org\/LongBench/],
    ["a revision of nothing", ["--data-revision", "LongBench=0123"], {}, {}, /takes dataset=commit[\s\S]*zai-org\/LongBench-v2/],
    ["a misspelled task", ["--tasks", "trecc"], {}, {}, /Did you mean "trec"/],
  ])("%s", async (_, args, environment, { token, faults = {} }, words) => {
    hub.token = token;
    Object.assign(hub.faults, faults);
    const { status, stderr } = await cli(["longbench-e", "--data", "hub", ...args], environment);
    hub.token = undefined;
    for (const name of Object.keys(faults)) delete hub.faults[name as keyof typeof faults];
    expect([status, stderr]).toEqual([1, expect.stringMatching(words) as string]);
    expect(stderr).toContain("hint");
    expect(stderr).not.toMatch(/\n\s+at |Loading/);
  });

  test.each<[string, Uint8Array, RegExp]>([
    ["an archive that leaves its folder", zipSync({ "../trec_e.jsonl": jsonLines("trec") }), /is not unpacked: an entry leaves its folder/],
    ["an archive that fills the disk", zipSync({ "trec_e.jsonl": new Uint8Array(2_000_000) }), /times its own size/],
    ["half an archive", archive.subarray(0, archive.length >> 1), /cannot be unpacked/],
  ])("%s", async (_, bytes, words) => {
    hub.put("datasets/zai-org/LongBench", { "data.zip": bytes });
    const { status, stderr } = await cli(["longbench-e", "--data", "hub", "--tasks", "trec"]);
    hub.put("datasets/zai-org/LongBench", repositories["datasets/zai-org/LongBench"]);
    expect([status, stderr]).toEqual([1, expect.stringMatching(words) as string]);
  });

  test("data that nobody asked the hub for: the way to ask is named", async () => {
    expect((await cli(["longbench-e"])).stderr).toMatch(/LongBench needs its data; `elastic-attention eval --data hub` fetches them/);
    const all = await cli(["all", "--tasks", "trec,single-document-qa"]);
    expect(all.stderr).toMatch(/nothing to evaluate[\s\S]*LongBench-v2 needs its data; `elastic-attention eval --data hub`/);
    expect((await cli(["longbench-e", "--data-revision", "zai-org/LongBench=0123"])).stderr).toMatch(/belongs to --data hub/);
    expect(hub.requests).toEqual([]);
  });
});
