import { spawnSync } from "node:child_process";
import { writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { commands } from "../../src/commands/commands.js";
import { shellCommands } from "../../src/commands/shell/command-tree.js";
import { manualPage } from "../../src/commands/shell/manual.js";
import { commandExamples } from "../../src/program/command-examples.js";
import { onTerminal } from "../terminal/terminal-session.js";

const folder = mkdtempSync(join(tmpdir(), "elastic-attention-shell-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const tree = shellCommands(commands);

describe("every command", () => {
  test.each(tree.map(({ words }) => words.at(-1)!))("%s has two examples that call it with options it has", (name) => {
    const { words, flags } = tree.find((one) => one.words.at(-1) === name)!;
    const examples = commandExamples[name] ?? [];
    expect(examples).toHaveLength(2);
    for (const example of examples) {
      expect(example.startsWith(words.join(" "))).toBe(true);
      for (const [option] of example.matchAll(/--[\w-]+/g)) expect(flags.map(({ syntax }) => syntax).join()).toContain(option);
    }
  });

  test("is in a manual page of plain ASCII, which every troff reads", () => {
    expect(manualPage(tree)).toMatch(/^[\n -~]*$/);
  });

  test("is in the manual page with its options, and nobody else is among the examples", () => {
    const page = manualPage(tree);
    for (const { words, flags } of tree) {
      expect(page).toContain(`.SS "${words.join(" ").replace(/-/g, "\\-")}`);
      for (const { syntax } of flags) expect(page).toContain(`.B ${syntax.replace(/-/g, "\\-")}`);
    }
    expect(Object.keys(commandExamples).sort()).toEqual([...new Set(tree.map(({ words }) => words.at(-1)!))].sort());
  });
});

describe("completions", async () => {
  const { output } = await onTerminal(["completion", "bash"], { columns: 200, deadline: 60_000 });
  const script = join(folder, "completion.bash");
  writeFileSync(script, output.replace(/\r/g, ""));

  /** What bash offers behind these words. */
  function offered(...words: string[]): string[] {
    const line = `source ${script}; COMP_WORDS=(elastic-attention ${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}; _elastic_attention; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return spawnSync("bash", ["-c", line], { encoding: "utf8" }).stdout.trim().split("\n");
  }

  test("offer commands, options, and the commands of a command", () => {
    expect(offered("r")).toEqual(["run", "rows", "remove"]);
    expect(offered("run", "--mod")).toEqual(["--model", "--mode"]);
    expect(offered("eval", "com")).toEqual(["compare"]);
    expect(offered("run", "a prompt", "--spa")).toEqual(["--sparsity"]);
    expect(offered("run", "a prompt", "--sp")).toEqual(["--sparsity", "--speculate", "--speculate-tokens"]);
  });

  test("of an unknown shell are refused by name", async () => {
    const { exitCode, output: words } = await onTerminal(["completion", "tcsh"], { columns: 60, deadline: 60_000 });
    expect([exitCode, words]).toEqual([1, expect.stringContaining("bash, zsh, fish") as string]);
  });
});
