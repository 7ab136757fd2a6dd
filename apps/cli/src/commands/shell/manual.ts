import { exampleLines } from "../../program/command-examples.js";
import type { CommandFunction } from "../../program/command-definition.js";
import type { ShellOptions } from "./shell-commands.js";
import { type ShellCommand, shellCommands } from "./command-tree.js";

/** `manual`: the manual page, in troff, from the same definitions as help. */
export const manual: CommandFunction<ShellOptions> = async ({ options }) => {
  const { commands } = await import("../commands.js");
  const page = manualPage(shellCommands(commands));
  process.stdout.write(options.json ? `${JSON.stringify({ page })}\n` : page);
  return 0;
};

/** The page of some commands. */
export function manualPage(commands: readonly ShellCommand[]): string {
  return [
    '.TH ELASTIC-ATTENTION 1 "" "Elastic Attention" "User Commands"',
    ".SH NAME",
    "elastic-attention \\- long-context language models whose attention heads turn sparse as the input allows",
    ".SH SYNOPSIS",
    ".B elastic-attention",
    "\\fIcommand\\fR [\\fIoptions\\fR]",
    ".SH DESCRIPTION",
    "Without \\-\\-model the bundled demo model answers. Answers go to standard output, reports and progress to standard error.",
    ".SH COMMANDS",
    ...commands.flatMap(commandSection),
    ".SH EXIT STATUS",
    "0 when all went well, 1 after an error, 130 after Ctrl\\-C, 141 when the reader of the output has gone.",
    "",
  ].join("\n");
}

function commandSection({ words, positional, description, flags, notes }: ShellCommand): string[] {
  return [
    `.SS "${escape([...words, positional].join(" ").trim())}"`,
    `${escape(description)}.`,
    ...flags.flatMap(({ syntax, help }) => [".TP", `.B ${escape(syntax)}`, escape(help)]),
    ...(notes === undefined ? [] : [".PP", ...notes.split("\n").map(escape)]),
    ...exampleLines(words.at(-1)!).flatMap((line) => [".PP", ".RS", escape(line), ".RE"]),
  ];
}

/** Text that every troff takes as it is: hyphens that can be copied, no line that begins as a request does, and ASCII alone. */
function escape(text: string): string {
  const named = (character: string) => `\\[u${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}]`;
  return text.replace(/\\/g, "\\e").replace(/-/g, "\\-").replace(/^([.'])/, "\\&$1").replace(/[^ -~]/gu, named);
}
