import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeSafetensors } from "@elastic-attention/tensor";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type EndedSession, onTerminal, plainText, program, type SessionOptions } from "./terminal-session.js";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const example = fileURLToPath(new URL("../../../../packages/training/example", import.meta.url));
const model = fileURLToPath(new URL("../../../../packages/demo-model/model", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "cli-terminal-"));
const config = join(folder, "config.json");
const evaluation = ["eval", "needle-grid", "--lengths", "256", "--limit", "1", "--mode", "full"];

/** How much slower than an idle machine this one is: the program's start against 0.2 s. */
let load = 1;

async function session(args: readonly string[], columns: number, type: SessionOptions["type"] = []): Promise<EndedSession> {
  const ended = await onTerminal(args, { columns, cwd: folder, type, deadline: 60_000 * load });
  expect(plainText(ended.output)).not.toMatch(/\n\s+at .*:\d+:\d+/);
  expect([ended.cursorShown, ended.linesWrap]).toEqual([true, true]);
  expect(ended.lingered).toBeLessThan(1000 * load);
  return ended;
}

beforeAll(() => {
  if (!existsSync(program)) throw new Error("Build the command line first: pnpm build.");
  const begun = performance.now();
  spawnSync(process.execPath, [program, "--version"]);
  load = Math.max(1, (performance.now() - begun) / 200);
  mkdirSync(join(folder, "no-model"));
  cpSync(join(example, "rows.jsonl.gz"), join(folder, "rows.jsonl.gz"));
  const settings = JSON.parse(readFileSync(join(example, "config.json"), "utf8")) as { readonly data: object };
  const data = { ...settings.data, packTokens: 800, lengths: "skip" };
  writeFileSync(config, JSON.stringify({ ...settings, data, output: "trained", optimizer: { steps: 1, packsPerStep: 1 } }));
  const ids = Int32Array.of(0, 17, 400, 3000);
  writeSafetensors(join(folder, "ids.safetensors"), new Map([["input_ids", { type: "I32", shape: [4], bytes: () => new Uint8Array(ids.buffer) }]]));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// In the order in which one writes what another reads.
const commands: [name: string, args: string[], says: RegExp][] = [
  ["--version", ["--version"], /^\d+\.\d+\.\d+\n$/],
  ["--help", ["--help"], /Commands:[\s\S]*doctor/],
  ["run", ["run", "Hello", "-n", "3"], /Decode: +3 tokens/],
  ["demo", ["demo", "--tokens", "600"], /^Model: +elastic-attention-demo/m],
  ["tokens", ["tokens", "Hello, sea"], /0 +0 \*<\|bos\|>[\s\S]*special; /],
  ["inspect", ["inspect", "A prompt"], /of heads sparse \(MSR\)/],
  ["inspect without a prompt", ["inspect"], /Qwen3ForCausalLM/],
  ["forward", ["forward", model, "--ids", "ids.safetensors", "--out", "numerics.safetensors"], /4 tokens, \d+ of 48 heads full/],
  ["convert", ["convert", model, "--out", "demo.gguf", "--weights", "q8_0", "--overwrite"], /17\.\d MB of weights became 9\.\d MB \(Q8_0\) in [\d.]+ s\. Run it with --model\s+demo\.gguf/],
  ["bench", ["bench", "--tokens", "64", "--new-tokens", "2", "--rounds", "1"], /64 tokens +full/],
  ["heads", ["heads", "--out", "heads.json", "--tokens", "300", "--samples", "1"], /Wrote heads\.json: 12 layers of 4 heads/],
  ["calibrate", ["calibrate", "--tokens", "300", "--samples", "1", "--share", "0.004"], /Factor [\d.]+ skips \d+\.\d% of the tiles of 1 prompt of up to 300 tokens\.\s+Use it as --mode fa-threshold:factor=/],
  ["train", ["train", "--config", config], /Wrote .*routers\.safetensors/],
  ["ablate", ["ablate", "--config", config, "--axis", "mode"], /xa-ssa is trained[\s\S]*fa-ssa/],
  ["analyze", ["analyze", "--config", config, "--prompts", "1"], /Task similarity before the task MLP/],
  ["eval", [...evaluation, "--out", "evaluated"], /needle-grid: \d+ prompt[\s\S]*Report: /],
  ["eval report", ["eval", "report", "evaluated"], /Report: /],
  ["eval compare", ["eval", "compare", "evaluated", "evaluated-again"], /Report: /],
  ["doctor", ["doctor"], /backend reference/],
];

// The narrowest that people have and the widest; between them, answers on errors and on Ctrl-C.
describe.each([20, 200])("on a terminal of %i columns", (columns) => {
  test.each(commands)("%s says its answer, ends at once with code 0 and leaves the terminal as it was", async (name, args, says) => {
    const trained = join(folder, "trained");
    if (name === "train") rmSync(trained, { recursive: true, force: true });
    if (name === "eval") rmSync(join(folder, "evaluated"), { recursive: true, force: true });
    if (name === "eval compare") cpSync(join(folder, "evaluated"), join(folder, "evaluated-again"), { recursive: true });
    const { exitCode, output } = await session(args, columns);
    expect(plainText(output)).toMatch(says);
    expect(exitCode).toBe(0);
  });

  test("chat shows its prompt with the cursor, answers, and ends at /exit", async () => {
    const { exitCode, output } = await session(["chat", "-n", "4"], columns, [[/> /, "Hello\r"], [/tokens\/s\][\s\S]*> /, "/exit\r"]]);
    expect(exitCode).toBe(0);
    const beforePrompt = output.slice(0, output.indexOf("> "));
    expect(beforePrompt.lastIndexOf("\u001b[?25h")).toBeGreaterThan(beforePrompt.lastIndexOf("\u001b[?25l"));
    expect(plainText(output)).toMatch(/\[\d+% of heads sparse \(MSR\), \d+ tokens, 0 reused from the cache/);
  });

  test("chat takes commands, a paste of several lines as one message, and what was typed ahead", async () => {
    const { exitCode, output } = await session(["chat", "-n", "4"], columns, [
      [/> /, "/hlep\r"],
      [/Did you mean \/help/, "\u001b[200~Hello,\ryou\u001b[201~\r/clear\r"],
      [/Nothing has been said[\s\S]*> /, "/exit\r"],
    ]);
    expect([exitCode, plainText(output)]).toEqual([0, expect.stringMatching(/\[pasted text 1, 2 lines\]/) as string]);
    expect(plainText(output).match(/of heads sparse/g)).toHaveLength(1);
  });
});

test("chat brings back what was typed in an earlier conversation", async () => {
  const environment = { XDG_STATE_HOME: join(folder, "state") };
  const chat = (type: NonNullable<SessionOptions["type"]>) => onTerminal(["chat"], { columns: 80, cwd: folder, environment, type, deadline: 60_000 * load });
  await chat([[/> /, "/sparsity 2\r"], [/is a number from 0 to 1[\s\S]*> /, "/exit\r"]]);
  const up = "\u001b[A";
  const { exitCode, output } = await chat([[/> /, `${up}${up}\r`], [/is a number from 0 to 1[\s\S]*> /, "/exit\r"]]);
  expect([exitCode, plainText(output)]).toEqual([0, expect.stringContaining("/sparsity 2") as string]);
});

describe("on a terminal that can do little", () => {
  test("doctor fits on a screen of 60 columns and 24 lines", async () => {
    const { exitCode, output } = await session(["doctor"], 60);
    expect([exitCode, plainText(output).trimEnd().split("\n").length <= 24]).toEqual([0, true]);
  });

  test.each([
    ["doctor", ["doctor"], /backend/],
    ["run", ["run", "Hello", "-n", "3"], /Decode: +3 tokens/],
    ["demo", ["demo", "--tokens", "600"], /^Model: +elastic-attention-demo/m],
  ])("%s ends with code 0 on 20 columns of a dumb terminal, without a home and with a cache that nobody can write", async (_, args, says) => {
    const environment = { TERM: "dumb", HOME: undefined, HF_HUB_CACHE: "/proc/none", NO_COLOR: undefined };
    const { exitCode, output } = await onTerminal(args, { columns: 20, cwd: folder, environment, deadline: 60_000 * load });
    expect(plainText(output)).not.toMatch(/\n\s+at .*:\d+:\d+/);
    expect(exitCode).toBe(0);
    expect(plainText(output)).toMatch(says);
    // A dumb terminal would show them.
    // oxlint-disable-next-line no-control-regex
    expect(output).not.toMatch(/\u001b/);
  });

  test("chat answers there, one line after the other", async () => {
    const environment = { TERM: "dumb", HOME: undefined, XDG_STATE_HOME: "/proc/none" };
    const { exitCode, output } = await onTerminal(["chat", "-n", "4"], { columns: 20, cwd: folder, environment, type: [[/> /, "Hello\n"], [/tokens\/s\]/, "/exit\n"]], deadline: 60_000 * load });
    // oxlint-disable-next-line no-control-regex
    expect([exitCode, output]).toEqual([0, expect.not.stringMatching(/\u001b/) as string]);
  });
});

describe("after an error", () => {
  test.each<[name: string, args: string[], says: RegExp]>([
    ["run", ["run", "word ".repeat(20_000)], /16384/],
    ["run of a folder that is no model", ["run", "Hello", "--model", "no-model"], /no-model holds neither/],
    ["inspect", ["inspect", "A prompt", "--router", "none.safetensors"], /none\.safetensors/],
    ["demo", ["demo", "--mode", "full", "--sparsity", "0.5"], /Sparsity 0\.5/],
    ["bench", ["bench", "--tokens", "20000", "--rounds", "1"], /16384/],
    ["forward", ["forward", model, "--ids", "none.safetensors", "--out", "numerics.safetensors"], /none\.safetensors/],
    ["convert", ["convert", model, "--out", "none/demo.gguf"], /no such folder[\s\S]*hint/],
    ["heads", ["heads", "--out", "none/heads.json", "--tokens", "300", "--samples", "1"], /no such folder[\s\S]*hint/],
    ["calibrate", ["calibrate", "--tokens", "200", "--samples", "1", "--share", "1"], /At most \d+\.\d% of the tiles[\s\S]*hint/],
    ["train", ["train", "--config", "none.json"], /Cannot read none\.json/],
    ["analyze", ["analyze", "--config", "config.json", "--router", "none.safetensors"], /none\.safetensors/],
    ["ablate", ["ablate", "--config", "none.json", "--axis", "width"], /Cannot read none\.json/],
    ["eval", ["eval", "needle-grid", "--model", "none"], /none/],
    ["eval report", ["eval", "report", "."], /holds no run/],
    ["eval compare", ["eval", "compare", "evaluated"], /two runs or more/],
    ["serve", ["serve", "--api-key-file", "none.txt"], /none\.txt/],
  ])("%s says what is wrong and ends at once with code 1", async (_, args, says) => {
    const { exitCode, output } = await session(args, 60);
    expect(plainText(output)).toMatch(says);
    expect(exitCode).toBe(1);
  });

  test("chat says what is wrong and ends at once with code 1", async () => {
    const { exitCode, output } = await session(["chat", "--mode", "full", "--sparsity", "0.5"], 60, [[/> /, "Hello\r"]]);
    expect([exitCode, plainText(output)]).toEqual([1, expect.stringContaining("Sparsity 0.5 asks for heads in a sparse mode") as string]);
  });
});

describe("after Ctrl-C", () => {
  const interrupt = "\u0003";
  test.each<[name: string, args: string[], when: RegExp]>([
    ["run while it loads", ["run", "Hello"], /Loading the model/],
    ["run while it reads", ["run", "word ".repeat(9000), "-n", "4"], /Reading the prompt/],
    ["run while it answers", ["run", "Tell me a long story.", "-n", "4000", "--temperature", "1", "--seed", "3"], /\[2K\w+/],
    ["demo", ["demo", "--tokens", "3000"], /Reading the prompt/],
    ["inspect", ["inspect", "word ".repeat(9000)], /Reading the prompt/],
    ["bench", ["bench", "--tokens", "4000"], /Reading the prompt/],
    ["convert", ["convert", model, "--out", "stopped.gguf", "--weights", "q4_k"], /Converting/],
    ["heads", ["heads", "--out", "stopped.json", "--tokens", "2000"], /Needle prompts/],
    ["train", ["train", "--config", "config.json"], /Loading the model/],
    ["eval", ["eval", "needle-grid", "--mode", "full", "--out", "stopped"], /Evaluating/],
    ["chat", ["chat"], /> /],
    ["chat while it loads", ["chat"], /Loading the model/],
  ])("%s ends at once with code 130", async (_, args, when) => {
    const { exitCode } = await session(args, 60, [[when, interrupt]]);
    expect(exitCode).toBe(130);
  });

  test("serve ends at once with code 0: to stop it is its end", async () => {
    const { exitCode, output } = await session(["serve", "--port", "0", "--ui"], 60, [[/answers at/, interrupt]]);
    expect([exitCode, plainText(output)]).toEqual([0, expect.stringMatching(/elastic-attention-demo answers at http:\/\/127\.0\.0\.1:\d+/) as string]);
  });

  test("a second Ctrl-C ends a command that has not stopped yet", async () => {
    const { exitCode } = await session(["run", "word ".repeat(9000)], 60, [[/Reading the prompt/, interrupt + interrupt]]);
    expect(exitCode).toBe(130);
  });

  test("chat stops an answer and takes the next message", async () => {
    const long = ["chat", "--temperature", "1", "--seed", "3", "-n", "4000"];
    const { exitCode, output } = await session(long, 60, [[/> /, "Tell me a long story.\r"], [/\[2K\w+/, interrupt], [/\[stopped;[\s\S]*> /, "/exit\r"]]);
    expect(exitCode).toBe(0);
    expect(plainText(output)).toMatch(/of heads sparse \(MSR\)/);
  });
});
