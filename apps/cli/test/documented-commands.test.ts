import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { flagsOf, type GivenOptions, readOptions } from "@elastic-attention/core";
import type { Command } from "commander";
import { expect, test } from "vitest";
import { commands } from "../src/commands/commands.js";
import { buildProgram } from "../src/program/build-program.js";
import { commandExamples } from "../src/program/command-examples.js";
import type { CommandDefinition } from "../src/program/command-definition.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const pages = [
  "README.md",
  "CONTRIBUTING.md",
  "apps/cli/README.md",
  ...markdown("apps/docs"),
  ...markdown("apps/docs/start"),
  ...markdown("apps/docs/guides"),
  ...readdirSync(join(root, "packages")).map((name) => `packages/${name}/README.md`),
];

function markdown(folder: string): string[] {
  return readdirSync(join(root, folder)).filter((name) => name.endsWith(".md")).map((name) => `${folder}/${name}`);
}

/** The lines of a page's shell blocks that call the command line, without what stands before it and comments. */
function commandLines(page: string): string[] {
  const text = readFileSync(join(root, page), "utf8");
  return Array.from(text.matchAll(/```sh\n([\s\S]*?)```/g), (block) => block[1]!.replaceAll(/\\\n\s*/g, ""))
    .flatMap((block) => block.split("\n"))
    .flatMap((line) => /(?:^|[|&]\s*|\s)(?:elastic-attention|ea) +([a-z-].*)$/.exec(line)?.[1] ?? [])
    .filter((line) => !/^(alias|"\$)/.test(line));
}

/** The words of a shell line up to a comment, a pipe or a redirection. */
function words(line: string): string[] {
  const found: string[] = [];
  for (const [, double, single, bare] of line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)) {
    if (bare !== undefined && /^([|>#;]|&&|2>)/.test(bare)) break;
    found.push(double ?? single ?? bare!);
  }
  return found;
}

/** Reads a command line as the program does, and runs nothing. */
async function readCommand(line: string): Promise<void> {
  const program = buildProgram("0.0.0", commands);
  const quiet = (command: Command, definitions: readonly CommandDefinition[]): void => {
    for (const definition of definitions) {
      const own = command.commands.find((each) => each.name() === definition.syntax.split(" ")[0])!;
      own.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
      own.action(() => {
        const values = own.opts<Record<string, true | readonly string[] | undefined>>();
        const given = Object.fromEntries(flagsOf(definition.options).flatMap(({ key }) => (values[key] === undefined ? [] : [[key, values[key]]])));
        readOptions(definition.options, given as GivenOptions);
      });
      quiet(own, definition.commands ?? []);
    }
  };
  quiet(program, commands);
  await program.configureOutput({ writeErr: () => {}, writeOut: () => {} }).parseAsync(words(line), { from: "user" });
}

/** What is wrong with command lines, with the lines themselves. */
async function problems(lines: readonly string[]): Promise<string[]> {
  const read = await Promise.all(lines.map((line) => readCommand(line).then(() => [], (error: Error) => [`${line}: ${error.message}`])));
  return read.flat();
}

test.each(pages.filter((page) => commandLines(page).length > 0))("the commands in %s name commands and options that there are", async (page) => {
  expect(await problems(commandLines(page))).toEqual([]);
});

test("the examples of help name options that there are", async () => {
  expect(await problems(Object.values(commandExamples).flat())).toEqual([]);
});

test("a command line with an option that there is not is noticed", async () => {
  await expect(readCommand("run --colour blue")).rejects.toThrow(/unknown option/);
  await expect(readCommand("run --sparsity 2")).rejects.toThrow(/sparsity/);
});
