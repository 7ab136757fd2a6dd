import type { Command } from "commander";
import { ElasticAttentionError } from "@elastic-attention/core";

/** What a command gets: its positional arguments, its options, and a signal that Ctrl-C aborts. */
export interface Invocation<Options> {
  readonly positional: readonly (string | undefined)[];
  readonly options: Options;
  readonly signal: AbortSignal;
}

/** A command; resolves to the exit code. */
export type CommandFunction<Options> = (invocation: Invocation<Options>) => Promise<number>;

/** Exit code of a program that Ctrl-C ended. */
export const interrupted = 130;

/**
 * The action of a command: imports it, runs it, prints errors for people, sets the exit code. The first Ctrl-C asks the
 * command to stop, the second one ends the process.
 */
export function runCommand<Options extends object>(load: () => Promise<CommandFunction<Options>>) {
  return async (...args: unknown[]): Promise<void> => {
    const command = args.at(-1) as Command;
    const positional = args.slice(0, -2) as (string | undefined)[];
    const controller = new AbortController();
    const stop = () => {
      if (controller.signal.aborted) process.exit(interrupted);
      controller.abort(new Interruption());
    };
    process.on("SIGINT", stop);
    process.on("SIGTERM", stop);
    try {
      const run = await load();
      process.exitCode = await run({ positional, options: command.opts() as Options, signal: controller.signal });
    } catch (error) {
      process.exitCode = error instanceof Interruption ? interrupted : 1;
      if (!(error instanceof Interruption)) printError(error);
    } finally {
      process.off("SIGINT", stop);
      process.off("SIGTERM", stop);
    }
  };
}

/** Thrown by whatever was waiting when Ctrl-C came. */
class Interruption extends Error {}

function printError(error: unknown): void {
  if (ElasticAttentionError.isInstance(error)) console.error(`error: ${error.message}`);
  else if (isSystemError(error)) console.error(`error: ${error.message}`);
  else console.error(error);
}

/** A file that is not there, a pipe that closed: the message says it all. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === "string";
}
