import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { mobyDick, runningText } from "@elastic-attention/evaluation";
import { buildTinyAddon, compiler } from "@elastic-attention/fixtures";
import { SafetensorsFile, writeSafetensors } from "@elastic-attention/tensor";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const program = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const model = fileURLToPath(new URL("../../../packages/demo-model/model", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "cli-test-"));

// Without vitest's own conditions, as a user runs it.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));

function cli(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, ...args], { encoding: "utf8", env: environment, input: "", timeout: 60_000 });
}

beforeAll(() => {
  if (!existsSync(program)) throw new Error("Build the command line first: pnpm build.");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the command line", () => {
  test("names its version and its commands", () => {
    expect(cli("--version").stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const help = cli("--help").stdout;
    for (const command of ["run", "chat", "demo", "inspect", "forward", "bench", "heads", "doctor"]) expect(help).toContain(`  ${command} `);
  });

  test("answers a prompt and reports what sparsity saved", () => {
    const { status, stdout, stderr } = cli("run", "Hello, who are you?", "-n", "8", "--sparsity", "0.5");
    expect(status).toBe(0);
    expect(stdout.trim()).not.toBe("");
    expect(stderr).toMatch(/50% of heads sparse \(MSR\), \d+% of blocks skipped \(ESR\)/);
    expect(stderr).toMatch(/layer 11 {2}/);
    // A window of more tokens than there are drops none, and takes no more than they do.
    expect(stderr).toMatch(/KV memory: [\d.]+ [KM]B$/m);
    const long = cli("run", "The whale swam on. ".repeat(400), "-n", "2", "--sparsity", "0.5");
    expect(long.stderr).toMatch(/KV memory: [\d.]+ MB instead of [\d.]+ MB \((?:[5-9]\d)% of full\)$/m);
  });

  test("gives one JSON document with --json, the same text every time", () => {
    const once = () => JSON.parse(cli("run", "The whale", "-n", "6", "--json", "--raw").stdout) as Record<string, unknown>;
    const first = once();
    expect(first).toMatchObject({ model: { numLayers: 12, router: "learned" }, report: { newTokens: 6 } });
    expect(once()["text"]).toBe(first["text"]);
  });

  test("finds a sentence in a long document with most heads sparse", () => {
    const { status, stdout } = cli("demo", "--tokens", "3000", "--json");
    const { found, sparse, full, summary, code } = JSON.parse(stdout) as {
      found: boolean;
      sparse: { report: { modelSparsity: number; keyValueBytes: number } };
      full: { report: { keyValueBytes: number } };
      summary: { report: { modelSparsity: number } };
      code: { report: { modelSparsity: number } };
    };
    expect([status, found]).toEqual([0, true]);
    expect(sparse.report.modelSparsity).toBeGreaterThan(0.6);
    expect(summary.report.modelSparsity).toBeGreaterThan(sparse.report.modelSparsity);
    expect(code.report.modelSparsity).toBeGreaterThan(sparse.report.modelSparsity + 0.1);
    expect(sparse.report.keyValueBytes).toBeLessThan(0.5 * full.report.keyValueBytes);
  });

  test("prints what the README shows, but for the figures", () => {
    const readme = readFileSync(new URL("../../../README.md", import.meta.url), "utf8");
    const shown = /```\n(Model: [\s\S]*?)```/.exec(readme)![1]!;
    const { stdout, stderr } = cli("demo", "--tokens", "1500");
    const wording = (text: string) => text.split("\n").filter((line) => !/^ {2}(?:layer|…)/.test(line)).map((line) => line.replace(/\d+(?:\.\d+)?x (?:faster|slower)|as fast/g, "as fast").replace(/\d+(?:\.\d+)?/g, "0"));
    expect(wording(`${stderr}\n${stdout}`)).toEqual(expect.arrayContaining(wording(shown)));
  });

  test("routes more heads sparse for a summary, and more again for source code, than for a question about a hidden number", () => {
    const sparsity = (preamble: string, text: string, question: string) => {
      const file = join(folder, "document.txt");
      writeFileSync(file, `${preamble}${text}`);
      const { report } = JSON.parse(cli("run", "--file", file, question, "-n", "1", "--json").stdout) as { report: { modelSparsity: number } };
      return report.modelSparsity;
    };
    const magic = "A special magic number is hidden within the following text. Make sure to memorize it. I will quiz you about the number afterwards.\n";
    const book = runningText(mobyDick()).slice(0, 12_000);
    const code = readFileSync(import.meta.filename, "utf8");
    const retrieval = sparsity(magic, "It was a fine day at sea. ".repeat(300), "What is the special magic number for harbour mentioned in the provided text?");
    expect(sparsity("", book, "Summarize the text above.")).toBeGreaterThan(sparsity("", book, "What is the special magic number for harbour mentioned in the provided text?"));
    expect(sparsity("Here is some source code.\n", code, "Continue the text.")).toBeGreaterThan(retrieval + 0.1);
  });

  test("puts every document before the prompt", () => {
    const tokens = (...args: string[]) => (JSON.parse(cli("run", ...args, "-n", "1", "--json").stdout) as { report: { promptTokens: number } }).report.promptTokens;
    const file = join(folder, "part.txt");
    writeFileSync(file, "It was a fine day at sea. ".repeat(20));
    const [one, two] = [tokens("--file", file, "How was it?"), tokens("--file", file, "-f", file, "How was it?")];
    expect(one).toBeGreaterThan(tokens("How was it?") + 100);
    expect(two).toBeGreaterThan(one + 100);
  });

  test("talks, turn by turn", () => {
    const input = "Hello\n\nAnd you?\n/exit\nnever read\n";
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, "chat", "-n", "4"], { encoding: "utf8", env: environment, input });
    expect([status, stdout.trim() === ""]).toEqual([0, false]);
    const turns = Array.from(stderr.matchAll(/\[\d+% of heads sparse \(MSR\), (\d+) tokens, (\d+) reused from the cache/g), (match) => match.slice(1).map(Number));
    expect(turns).toHaveLength(2);
    const [[first, kept], [second, keptThen]] = turns as [[number, number], [number, number]];
    expect(second).toBeGreaterThan(first);
    // The second turn reads only what is new.
    expect([kept, keptThen >= first, keptThen < second]).toEqual([0, true, true]);
  });

  test("writes raw numerics", () => {
    const [ids, out] = [join(folder, "ids.safetensors"), join(folder, "out.safetensors")];
    const tokens = BigInt64Array.from([0n, 17n, 400n, 3000n]);
    writeSafetensors(ids, new Map([["input_ids", { type: "I64", shape: [4], bytes: () => new Uint8Array(tokens.buffer) }]]));
    expect(cli("forward", model, "--ids", ids, "--last", "3", "--out", out, "--dtype", "f32").status).toBe(0);
    using file = SafetensorsFile.open(out);
    expect(file.entry("logits")).toMatchObject({ type: "F32", shape: [3, 4096] });
    expect(file.entry("full_heads").shape).toEqual([12, 4]);
    expect(new Float32Array(file.read("logits").buffer).every(Number.isFinite)).toBe(true);
  });

  test("shows a checkpoint and draws its head map", () => {
    const svg = join(folder, "heads.svg");
    const { status, stdout } = cli("inspect", "A prompt", "--svg", svg, "--sparsity", "0.25");
    expect(status).toBe(0);
    expect(stdout).toContain("12, hidden 256");
    expect(stdout).toContain("25% of heads sparse (MSR)");
    expect(readFileSync(svg, "utf8").match(/<rect [^>]*><title>/g)).toHaveLength(48);
    expect(JSON.parse(cli("inspect", "--json").stdout)).toMatchObject({ checkpoint: { adapter: "qwen3" } });
    const memory = cli("inspect", "--memory", "--tokens", "4096", "--sparsity", "0.5").stdout;
    expect(memory).toMatch(/4096 tokens in \w+, 50% of the heads sparse/);
    for (const part of ["weights", "activations", "keys and values", "highest sum at once"]) expect(memory).toContain(part);
  });

  test("measures a model", () => {
    const { stdout } = cli("bench", "--tokens", "64", "--new-tokens", "2", "--rounds", "1", "--json");
    const { measurements } = JSON.parse(stdout) as { measurements: { tokens: number; mode: string; prefillTokensPerSecond: number }[] };
    expect(measurements.map(({ mode }) => mode)).toEqual(["learned router", "full"]);
    expect(measurements.every(({ prefillTokensPerSecond }) => prefillTokensPerSecond > 0)).toBe(true);
  });

  test("finds a factor for a share of skipped tiles, which a run then takes", () => {
    const { factor, share, mode } = JSON.parse(cli("calibrate", "--tokens", "300", "--samples", "1", "--share", "0.004", "--json").stdout) as { readonly factor: number; readonly share: number; readonly mode: string };
    expect(mode).toBe(`fa-threshold:factor=${factor}`);
    expect(Math.abs(share - 0.004)).toBeLessThan(0.005);
    const { report } = JSON.parse(cli("run", "Hi", "-n", "1", "--json", "--mode", mode).stdout) as { readonly report: { readonly modes: readonly string[] } };
    expect(report.modes).toContain("THRESHOLD");
  });

  test("makes a head list that the model then takes", () => {
    const list = join(folder, "heads.json");
    expect(cli("heads", "--out", list, "--tokens", "300", "--samples", "1", "--sparsity", "0.25").status).toBe(0);
    expect(JSON.parse(readFileSync(list, "utf8"))).toMatchObject({ version: 1, sparsity: 0.25 });
    expect(JSON.parse(cli("run", "Hi", "-n", "1", "--json", "--heads", list).stdout)).toMatchObject({ report: { modelSparsity: 0.25, router: "static" } });
    const [ids, out] = [join(folder, "some-ids.safetensors"), join(folder, "listed.safetensors")];
    writeSafetensors(ids, new Map([["input_ids", { type: "I32", shape: [4], bytes: () => new Uint8Array(Int32Array.of(0, 17, 400, 3000).buffer) }]]));
    expect(JSON.parse(cli("forward", model, "--ids", ids, "--out", out, "--heads", list, "--json").stdout)).toMatchObject({ fullHeads: 36, heads: 48 });
    expect(cli("run", "Hi", "-n", "1", "--heads", list).stderr).toContain(`Router:    static head list ${list}`);
  });

  test("looks the installation over", () => {
    const { findings } = JSON.parse(cli("doctor", "--json").stdout) as { findings: { what: string; ok: boolean; optional?: boolean }[] };
    expect(findings.filter(({ ok, optional }) => !ok && optional !== true)).toEqual([]);
    // Told even where there is none, with the reason.
    expect(findings.map(({ what }) => what)).toContain("backend cuda");
    expect(findings.map(({ what }) => what)).toContain("backend cpu");
    const limited = spawnSync(process.execPath, [program, "doctor"], { encoding: "utf8", env: { ...environment, ELASTIC_ATTENTION_CPU_LEVEL: "plain" }, input: "" });
    expect([limited.status, limited.stdout]).toEqual([0, expect.stringMatching(/cpu level +plain, /) as string]);
    const unknown = spawnSync(process.execPath, [program, "doctor"], { encoding: "utf8", env: { ...environment, ELASTIC_ATTENTION_CPU_LEVEL: "sse9" }, input: "" });
    expect([unknown.status, unknown.stdout]).toEqual([1, expect.stringMatching(/backend cpu +There is no level "sse9", which ELASTIC_ATTENTION_CPU_LEVEL asks for/) as string]);
  });
});

describe("wrong use", () => {
  const damaged = join(folder, "damaged");
  test.each<[what: string, args: string[], words: RegExp]>([
    ["an unknown flag", ["run", "x", "--fast"], /unknown option '--fast'/],
    ["an unknown command", ["launch"], /unknown command 'launch'/],
    ["a sparsity of 2", ["run", "x", "--sparsity", "2"], /between 0 and 1/],
    ["an unknown mode", ["run", "x", "--mode", "ssa"], /fa-ssa, fa-xa, xa-ssa, full/],
    ["a setting that a mode does not take", ["run", "x", "--mode", "fa-pages:budget=0"], /budget must be a share/],
    ["a setting that no mode of a pair has", ["run", "x", "--mode", "fa-ssa:budget=1"], /has no setting "budget"; known: dense/],
    ["an unknown backend", ["run", "x", "--backend", "quantum"], /"quantum" is not available.*\n.*Registered backends: cpu, cuda, reference/],
    ["a level that no processor has", ["run", "x", "--cpu-level", "sse9"], /There is no level "sse9"\.\n.*This processor has: plain/],
    ["a level of another backend", ["run", "x", "--cpu-level", "plain", "--backend", "reference"], /--cpu-level is about the cpu backend, but --backend is reference/],
    ["no prompt", ["run"], /There is no prompt/],
    ["a missing file", ["run", "x", "--file", "/nonexistent"], /ENOENT/],
    ["a folder without a model", ["run", "x", "--model", folder], /config\.json|safetensors/],
    ["a prompt beyond the context", ["run", "word ".repeat(20_000)], /16384/],
    ["a damaged checkpoint", ["run", "x", "--model", damaged], /model\.safetensors/],
    ["a missing file of routers", ["run", "x", "--router", "/nonexistent.safetensors"], /\/nonexistent\.safetensors does not exist\.\n {2}hint: Name a file/],
    ["a missing file, with a hint,", ["run", "x", "--file", "/nonexistent"], /ENOENT.*\n {2}hint: Check the path/],
    ["a flag that misses its value", ["run", "x", "--sparsity"], /--sparsity/],
    ["a threshold that is no number", ["run", "x", "--top-p", "much"], /--top-p must be a number above 0 and up to 1, found "much"/],
    ["a size that is none", ["run", "x", "--memory-limit", "lots"], /--memory-limit must be a size above 0 such as 8GB, 512MiB or 1500000000, found "lots"/],
    ["a memory limit that the model does not fit", ["heads", "--memory-limit", "1MB", "--tokens", "300", "--samples", "1", "--out", "a"], /memory/],
    ["a second model", ["forward", model, "--model", "other", "--ids", "a", "--out", "b"], /Two models were given: .* and --model other[\s\S]*hint/],
    ["a head list beside routers for forward", ["forward", model, "--heads", "a", "--router", "b", "--ids", "a", "--out", "b"], /--heads and --router cannot be given together/],
    ["a tie rule beside a sparsity", ["forward", model, "--tie-rule", "bfloat16", "--sparsity", "0.5", "--ids", "a", "--out", "b"], /--tie-rule and --sparsity cannot be given together/],
    ["samples of random heads", ["heads", "--random", "--samples", "3", "--out", "a"], /--random and --samples cannot be given together/],
    ["a required flag that is missing", ["heads"], /--out is required/],
    ["a share of tiles beyond all", ["calibrate", "--share", "1.5"], /--share/],
    ["a negative factor", ["run", "x", "--mode", "fa-threshold:factor=-1"], /threshold: factor must be a number of at least 0, found -1/],
    ["a text that is not there", ["calibrate", "--file", "/nonexistent"], /ENOENT/],
    ["one prompt too many", ["run", "x", "y"], /too many arguments/],
    ["a sparsity of no baseline", ["train", "--config", "a", "--sparsity", "0.5"], /--sparsity does nothing without --baseline/],
    ["a baseline to be resumed", ["train", "--config", "a", "--baseline", "prulong", "--resume"], /--baseline and --resume cannot be given together/],
    ["a sparsity of full attention", ["bench", "--mode", "full", "--sparsity", "0.5", "--tokens", "64"], /Sparsity 0\.5 asks for heads in a sparse mode/],
    ["a model that does not exist", ["forward", "/nonexistent", "--ids", "a", "--out", "b"], /\/nonexistent does not exist\.\n {2}hint: /],
  ])("%s is an error with a hint, not a stack trace", (what, args, words) => {
    if (what === "a damaged checkpoint") {
      spawnSync("cp", ["-r", model, damaged]);
      writeFileSync(join(damaged, "model.safetensors"), readFileSync(join(model, "model.safetensors")).subarray(0, 100_000));
    }
    const { status, stderr } = cli(...args);
    expect(status).toBe(1);
    expect(stderr).toMatch(words);
    expect(stderr).not.toMatch(/\n\s+at /);
  });
});

test("an addon that does not load says how to fix it, and reference runs when it is asked for", () => {
  const broken = { ...environment, ELASTIC_ATTENTION_CPU_ADDON: join(folder, "none.node") };
  const start = (...args: string[]) => spawnSync(process.execPath, [program, ...args], { encoding: "utf8", env: broken, input: "" });
  const refused = start("run", "Hi", "-n", "1");
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringMatching(/not built.*pnpm build[\s\S]*doctor/) as string]);
  expect(start("doctor").stdout).toMatch(/missing +backend cpu/);
  expect(start("run", "Hi", "-n", "1", "--backend", "reference").status).toBe(0);
});

test.each<[what: string, bytes: (addon: Buffer) => Uint8Array]>([
  ["is truncated", (addon) => addon.subarray(0, addon.length / 3)],
  ["is no library", () => Buffer.from("not a library")],
  ["is empty", () => Buffer.alloc(0)],
])("an addon that %s is named by doctor and by run, and ends neither", (what, bytes) => {
  const built = fileURLToPath(new URL("../../../packages/cpu/build/Release/elastic_attention_cpu.node", import.meta.url));
  const damaged = join(folder, `${what.replaceAll(" ", "-")}.node`);
  writeFileSync(damaged, bytes(readFileSync(built)));
  const start = (...args: string[]) =>
    spawnSync(process.execPath, [program, ...args], { encoding: "utf8", env: { ...environment, ELASTIC_ATTENTION_CPU_ADDON: damaged }, input: "" });
  const found = start("doctor");
  expect([found.status, found.stdout]).toEqual([1, expect.stringMatching(/missing +backend cpu +its addon does not load/) as string]);
  expect(found.stdout).toContain(damaged);
  const refused = start("run", "Hi", "-n", "1");
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringMatching(/its addon does not load .*[\s\S]*hint/) as string]);
});

test.skipIf(!compiler).each([
  ["asks for another Node-API", "future", /Node-API version 9999|built for another version of Node/],
  ["exports nothing", "silent", /is of another version: it has no /],
  ["registers nothing", "library", /did not self-register/],
  ["ends the process that loads it", "aborting", /SIGABRT/],
] as const)("an addon that %s is named by doctor and by run with what to do, and ends neither", (_what, kind, words) => {
  const path = buildTinyAddon(folder, kind);
  const start = (...args: string[]) => spawnSync(process.execPath, [program, ...args], { encoding: "utf8", env: { ...environment, ELASTIC_ATTENTION_CPU_ADDON: path }, input: "" });
  const found = start("doctor");
  expect([found.status, found.stdout]).toEqual([1, expect.stringMatching(/missing +backend cpu/) as string]);
  expect(found.stdout).toMatch(words);
  expect(found.stdout).toContain(path);
  const refused = start("run", "Hi", "-n", "1");
  expect([refused.status, refused.stdout]).toEqual([1, ""]);
  expect(refused.stderr).toMatch(words);
  expect(refused.stderr).toMatch(/pnpm build[\s\S]*hint: .*doctor/);
});

test("Ctrl-C stops an answer and still reports", async () => {
  const child = spawn(process.execPath, [program, "run", "Tell me a long story.", "-n", "4000", "--temperature", "1"], { env: environment });
  let [stdout, stderr] = ["", ""];
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdout.on("data", (chunk: Buffer) => {
    if (stdout === "") child.kill("SIGINT");
    stdout += chunk.toString();
  });
  const status = await new Promise<number | null>((resolve) => child.on("close", resolve));
  // The model may have ended by itself before the signal came.
  expect([130, 0]).toContain(status);
  expect(stderr).toContain("KV memory");
});
