import { type GivenOptions, readOptions } from "@elastic-attention/core";
import type { CommandDefinition, CommandFunction } from "./command-definition.js";
import { exitCodes } from "./exit-codes.js";
import { loadModules } from "./load-modules.js";
import { RankEnded } from "../engine/rank-ended.js";
import { printError } from "./print-error.js";

/**
 * Runs a command: reads its options, imports the modules of --load and the command's program, prints errors for people and
 * sets the exit code. The first Ctrl-C asks the command to stop, the second one ends the process.
 */
export async function runCommand(definition: CommandDefinition, positional: readonly string[], given: GivenOptions): Promise<void> {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort(new Interruption());
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  try {
    const options = readOptions(definition.options, given) as { readonly load?: readonly string[] };
    await loadModules(options.load ?? []);
    const run = (await definition.load()) as CommandFunction<object>;
    controller.signal.throwIfAborted();
    process.exitCode = await run({ positional, options, signal: controller.signal });
  } catch (error) {
    // What the command has to say the first rank says.
    if (error instanceof RankEnded) return;
    process.exitCode = error instanceof Interruption ? exitCodes.interrupted : exitCodes.failed;
    if (!(error instanceof Interruption)) printError(error);
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

/** Thrown by whatever was waiting when Ctrl-C came. */
class Interruption extends Error {}
