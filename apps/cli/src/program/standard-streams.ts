import { exitCodes } from "./exit-codes.js";

/**
 * Ends the process when its output cannot be written: without a word when the reader has left (`| head`), else with the
 * reason. Without this a closed pipe prints a stack, and what console.log could not write is lost in silence.
 */
export function watchStandardStreams(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(exitCodes.closedPipe);
    console.error(`error: standard output cannot be written: ${error.code === "ENOSPC" ? "no space is left on the device" : error.message}.`);
    process.exit(exitCodes.failed);
  });
  // There is nowhere left to say so.
  process.stderr.on("error", (error: NodeJS.ErrnoException) => {
    process.exit(error.code === "EPIPE" ? exitCodes.closedPipe : exitCodes.failed);
  });
}
