import { type Flag, flagsOf } from "@elastic-attention/core";
import type { CommandDefinition } from "../../program/command-definition.js";

/** A command as a shell or a manual page sees it. */
export interface ShellCommand {
  /** The words that call it: `["eval", "compare"]`. */
  readonly words: readonly string[];
  /** What follows them: `<runs...>`; empty for nothing. */
  readonly positional: string;
  readonly description: string;
  readonly flags: readonly Flag[];
  readonly notes: string | undefined;
}

/** All commands and their own commands, in the order of help. */
export function shellCommands(definitions: readonly CommandDefinition[], before: readonly string[] = []): ShellCommand[] {
  return definitions.flatMap(({ syntax, description, options, notes, commands = [] }) => {
    const [name = "", ...positional] = syntax.split(" ");
    const words = [...before, name];
    return [{ words, positional: positional.join(" "), description, flags: flagsOf(options), notes }, ...shellCommands(commands, words)];
  });
}

/** The long name of an option: `--max-new-tokens` of `-n, --max-new-tokens <n>`. */
export function longName({ syntax }: Flag): string {
  return /--[\w-]+/.exec(syntax)?.[0] ?? syntax;
}
