// The program of a rank behind the first, which the first rank's command starts with its settings as an argument.
import { CommunicatorError, CommunicatorUnavailableError } from "@elastic-attention/core";
import type { WorkerSettings } from "@elastic-attention/generation";
import { printError } from "../program/print-error.js";
import { followFirstRank } from "./follow-first-rank.js";

// Ctrl-C reaches every process of a terminal; this one ends with the first rank.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => {});
try {
  await followFirstRank(JSON.parse(process.argv[2]!) as WorkerSettings);
  process.exit(0);
} catch (error) {
  // What fails once the ranks have met, the first one prints.
  if (CommunicatorError.isInstance(error) || CommunicatorUnavailableError.isInstance(error)) printError(error);
  process.exit(1);
}
