import { Command, Option } from "commander";
import { type Flag, flagsOf, type GivenOptions } from "@elastic-attention/core";
import type { CommandDefinition } from "./command-definition.js";
import { exampleLines } from "./command-examples.js";
import { runCommand } from "./run-command.js";

/** The command line of some commands. */
export function buildProgram(version: string, commands: readonly CommandDefinition[]): Command {
  const program = new Command("elastic-attention")
    .description("Run long-context language models whose attention heads turn sparse as the input allows.")
    .version(version)
    .exitOverride()
    // Options behind `eval compare` are its own, not `eval`'s.
    .enablePositionalOptions()
    .showHelpAfterError("(add --help for the options)")
    .addHelpText("after", "\nWithout --model the demo model answers. Every command takes --help.");
  for (const definition of commands) addCommand(program, definition);
  return program;
}

function addCommand(parent: Command, definition: CommandDefinition): void {
  const { syntax, description, options, notes, commands = [] } = definition;
  const flags = flagsOf(options);
  const command = parent.command(syntax).description(description).enablePositionalOptions();
  for (const flag of flags) command.addOption(commanderOption(flag));
  if (notes !== undefined) command.addHelpText("after", `\n${notes}`);
  const examples = exampleLines(command.name());
  if (examples.length > 0) command.addHelpText("after", `\nExamples:\n${examples.map((line) => `  ${line}`).join("\n")}`);
  command.action((...args: unknown[]) => {
    const positional = args.slice(0, -2).flat().filter((argument) => argument !== undefined) as string[];
    return runCommand(definition, positional, givenOptions(command, flags));
  });
  for (const each of commands) addCommand(command, each);
}

/** Takes texts as they are: the schema reads them. */
function commanderOption({ syntax, help, option: { type } }: Flag): Option {
  const option = new Option(syntax, help);
  // "--no-thinking" is an option like any other, with a key and conflicts of its own.
  option.negate = false;
  if (type.form !== "flag") option.argParser((text: string, before: readonly string[] | undefined) => [...(before ?? []), text]);
  return option;
}

function givenOptions(command: Command, flags: readonly Flag[]): GivenOptions {
  const values = command.opts<Record<string, true | readonly string[] | undefined>>();
  return Object.fromEntries(flags.flatMap(({ key }) => (values[key] === undefined ? [] : [[key, values[key]]])));
}
