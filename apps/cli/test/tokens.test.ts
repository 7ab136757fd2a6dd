import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Tokenizer } from "@elastic-attention/generation";
import stringWidth from "string-width";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ShownToken, tokenColumns, tokenLines } from "../src/commands/tokens/token-table.js";

const program = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const model = fileURLToPath(new URL("../../../packages/demo-model/model", import.meta.url));
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== "NODE_OPTIONS"));
const folder = mkdtempSync(join(tmpdir(), "cli-tokens-"));
const tokenizerOnly = join(folder, "tokenizer-only");

function tokens(args: readonly string[], input = "") {
  return spawnSync(process.execPath, [program, "tokens", ...args], { encoding: "utf8", env: environment, cwd: folder, input });
}

function json(...args: string[]) {
  return JSON.parse(tokens([...args, "--json"]).stdout) as { prompt: string; ids: number[]; pieces: string[]; counts: Record<string, number>; chatTemplate: boolean };
}

beforeAll(() => {
  if (!existsSync(program)) throw new Error("Build the command line first: pnpm build.");
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) cpSync(join(model, name), join(tokenizerOnly, name));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("tokens", () => {
  test("shows the conversation as the template renders it, with the tokenizer's own ids and pieces", () => {
    const shown = json("-m", tokenizerOnly, "--system", "Be brief.", "Hello, wörld");
    const tokenizer = Tokenizer.load(model);
    const messages = [{ role: "system", content: "Be brief." }, { role: "user", content: "Hello, wörld" }];
    expect([shown.prompt, shown.ids]).toEqual([tokenizer.applyChatTemplate(messages), Array.from(tokenizer.encodeChat(messages))]);
    expect([shown.pieces[0], shown.pieces.length, shown.counts]).toEqual(["<|bos|>", shown.ids.length, { tokens: shown.ids.length, specialTokens: 6, characters: Array.from(shown.prompt).length, bytes: Buffer.byteLength(shown.prompt) }]);
  });

  test("prints one token a line where there is no terminal, and the counts beside it", () => {
    const { status, stdout, stderr } = tokens(["--raw"], "Hi\n");
    expect([status, stdout]).toEqual([0, "Hi\n\n0\t45\tH\n1\t78\ti\n"]);
    expect(stderr).toMatch(/2 tokens, 0 of them special; 2 characters, 2 bytes; no chat template applied/);
  });

  test("adds begin-of-text to raw text where the tokenizer says so", () => {
    const begun = join(folder, "begun");
    cpSync(tokenizerOnly, begun, { recursive: true });
    writeFileSync(join(begun, "tokenizer_config.json"), JSON.stringify({ bos_token: "<|bos|>", add_bos_token: true }));
    expect(json("-m", begun, "--raw", "Hi").ids).toEqual([0, 45, 78]);
  });

  test("takes conversations, tools and the switch for thinking", () => {
    const thinking = join(folder, "thinking");
    cpSync(tokenizerOnly, thinking, { recursive: true });
    writeFileSync(join(thinking, "chat_template.jinja"), "{{ tools | length }}{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}{{ '<think>' if enable_thinking else '<answer>' }}{{ effort }}");
    writeFileSync(join(folder, "talk.json"), JSON.stringify([{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello" }]));
    writeFileSync(join(folder, "tools.json"), JSON.stringify([{ type: "function" }, { type: "function" }]));
    const { prompt } = json("-m", thinking, "--messages", "talk.json", "--tools", "tools.json", "--thinking", "--variable", "effort=high", "And you?");
    expect(prompt).toBe("2[user]Hi[assistant]Hello[user]And you?<think>high");
    expect(json("-m", thinking, "--messages", "talk.json", "--tools", "tools.json", "--no-thinking").prompt).toBe("2[user]Hi[assistant]Hello<answer>");
  });

  test.each<[string, string[], RegExp]>([
    ["a switch that the template does not have", ["Hi", "--no-thinking"], /--no-thinking: the model's chat template has no switch for thinking/],
    ["both ways of thinking", ["Hi", "--thinking", "--no-thinking"], /cannot be given together/],
    ["a system message for raw text", ["Hi", "--raw", "--system", "x"], /--raw and --system cannot be given together/],
    ["a folder without a tokenizer", ["Hi", "-m", "."], /has no tokenizer\.json/],
    ["tools that are not JSON", ["Hi", "--tools", program], /--tools: .* is not JSON/],
  ])("refuses %s in words", (_, args, words) => {
    const { status, stdout, stderr } = tokens(args);
    expect([status, stdout, stderr]).toEqual([1, "", expect.stringMatching(words)]);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test("says what a template says of a conversation that it refuses, and which message it is", () => {
    const strict = join(folder, "strict");
    cpSync(tokenizerOnly, strict, { recursive: true });
    writeFileSync(join(strict, "chat_template.jinja"), "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Take turns, please!') }}{% endif %}{{ m.content }}{% endfor %}");
    writeFileSync(join(folder, "turns.json"), JSON.stringify({ messages: [{ role: "user", content: "a" }, { role: "assistant", content: "b" }, { role: "assistant", content: "c" }] }));
    writeFileSync(join(folder, "roles.json"), JSON.stringify([{ role: "user", content: "a" }, { role: 3, content: "b" }]));
    expect(tokens(["-m", strict, "--messages", "turns.json"]).stderr).toMatch(/refuses messages\[2\]: Take turns, please!/);
    expect(tokens(["-m", strict, "--messages", "roles.json"]).stderr).toMatch(/messages\[1\]\.role must be a text/);
  });
});

describe("the table of tokens", () => {
  const shown: readonly ShownToken[] = ["<|bos|>", "\u0120sea", "\n\t", "世界", "🌍", "a".repeat(60), "\u00A0", "x"].map((piece, index) => ({ index, id: index * 1000, piece, special: index === 0 }));

  test.each([60, 200])("fits a terminal of %i columns, and reads from top to bottom", (columns) => {
    const lines = tokenColumns(shown, columns).split("\n");
    for (const line of lines) expect(stringWidth(line)).toBeLessThan(columns);
    expect(lines.length).toBe(columns === 60 ? 8 : 2);
    expect(lines[0]).toMatch(/^0 +0 \*<\|bos\|>/);
    expect(lines[1]).toMatch(/^1 1000 {2}Ġsea/);
  });

  test("shows control characters and odd spaces as escapes", () => {
    expect(tokenLines(shown.slice(2, 3))).toBe("2\t2000\t\\n\\t");
    expect(tokenLines(shown.slice(6, 7))).toBe("6\t6000\t\\u{a0}");
  });
});
