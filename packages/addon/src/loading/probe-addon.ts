import { spawnSync } from "node:child_process";
import { probePassed, rememberProbe } from "./probe-memory.js";

/** Loading takes milliseconds; a machine under load, or a library behind a network, takes its time. */
const timeoutMilliseconds = 60_000;

/** Loads the file that it is given as a native addon and reports on descriptor 3, which the addon does not write to. */
const program = `
  let problem;
  try {
    process.dlopen({ exports: {} }, process.argv[1]);
  } catch (error) {
    problem = String(error && error.message || error);
  }
  require("node:fs").writeSync(3, JSON.stringify({ problem }));
`;

/**
 * Loads an addon in a child process, unless a file in this state has passed before.
 *
 * @param state path, size and time of the file: another state is another file
 * @returns why it does not load, in words, or undefined when it does or no child can be started
 */
export function probeAddon(path: string, state: string): string | undefined {
  if (probePassed(path, state)) return undefined;
  // Options meant for this process, a debugger or a loader, would change what the child does.
  const { NODE_OPTIONS: _, ...env } = process.env;
  const { status, signal, error, stderr, output } = spawnSync(process.execPath, ["-e", program, path], {
    env: { ...env, ELECTRON_RUN_AS_NODE: "1" },
    stdio: ["ignore", "ignore", "pipe", "pipe"],
    timeout: timeoutMilliseconds,
    killSignal: "SIGKILL",
    encoding: "utf8",
  });
  if (error !== undefined) {
    return (error as NodeJS.ErrnoException).code === "ETIMEDOUT" ? `loading it takes longer than ${timeoutMilliseconds / 1000} s` : undefined;
  }
  const report = output[3] ?? "";
  const { problem } = report === "" ? { problem: "" } : (JSON.parse(report) as { readonly problem?: string });
  if (problem !== undefined && problem !== "") return problem;
  if (signal !== null || status !== 0 || report === "") {
    const end = signal ?? `exit code ${status}`;
    const words = stderr.trim().split("\n").at(-1) || "it is damaged, or built for another version of Node";
    return `it ends the process that loads it (${end}): ${words}`;
  }
  rememberProbe(path, state);
  return undefined;
}
