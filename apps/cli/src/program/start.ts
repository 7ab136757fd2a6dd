// The command line. Nothing heavy is imported before a command runs: `--version` and `--help` answer at once.
import { createRequire } from "node:module";
import { CommanderError } from "commander";
import { commands } from "../commands/commands.js";
import { buildProgram } from "./build-program.js";
import { watchStandardStreams } from "./standard-streams.js";

const { version } = createRequire(import.meta.url)("../package.json") as { version: string };

watchStandardStreams();
try {
  await buildProgram(version, commands).parseAsync();
} catch (error) {
  // Help, version and wrong use: not ended at once, so that output which cannot be written is noticed.
  if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error.exitCode;
}
