import type { OptionSchema, OptionValues } from "@elastic-attention/core";

/** What a command gets: its positional arguments, its options, and a signal that Ctrl-C aborts. */
export interface Invocation<Options> {
  readonly positional: readonly string[];
  readonly options: Options;
  readonly signal: AbortSignal;
}

/** A command; resolves to the exit code. */
export type CommandFunction<Options> = (invocation: Invocation<Options>) => Promise<number>;

/** A command of the command line, without its program: help answers at once. */
export interface CommandDefinition {
  /** Its name and arguments: "run [prompt]". */
  readonly syntax: string;
  readonly description: string;
  readonly options: OptionSchema;
  /** Shown below the options. */
  readonly notes?: string;
  readonly commands?: readonly CommandDefinition[];
  /** Imports the program. */
  load(): Promise<CommandFunction<never>>;
}

/** A command whose program takes what its options hold. */
export function defineCommand<const Schema extends OptionSchema>(
  definition: Omit<CommandDefinition, "options" | "load"> & {
    readonly options: Schema;
    load(): Promise<CommandFunction<OptionValues<Schema>>>;
  },
): CommandDefinition {
  return definition;
}
