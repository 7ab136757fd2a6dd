import { fileURLToPath } from "node:url";
import { spawn } from "@lydell/node-pty";

export const program = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

/** What a program left behind on its terminal. */
export interface EndedSession {
  readonly exitCode: number;
  /** Everything it wrote, control sequences included. */
  readonly output: string;
  /** Milliseconds from its last output to its end. */
  readonly lingered: number;
  /** What the shell finds: whether the cursor is shown, long lines wrap, and typed characters are echoed line by line. */
  readonly cursorShown: boolean;
  readonly linesWrap: boolean;
}

export interface SessionOptions {
  readonly columns: number;
  readonly cwd?: string;
  /** Variables of the environment instead of this process's; undefined ones are not set. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Typed as soon as the output matches, in this order. */
  readonly type?: readonly (readonly [when: RegExp, keys: string])[];
  /** The program is killed then, and the session fails. */
  readonly deadline: number;
}

/** Runs the command line on a terminal of its own until it ends. */
export function onTerminal(args: readonly string[], { columns, cwd, environment: changes = {}, type = [], deadline }: SessionOptions): Promise<EndedSession> {
  const { NODE_OPTIONS: _, ...inherited } = process.env;
  const environment = Object.fromEntries(Object.entries({ ...inherited, TERM: "xterm-256color", ...changes }).filter(([, value]) => value !== undefined));
  const terminal = spawn(process.execPath, [program, ...args], {
    cols: columns,
    rows: 24,
    env: environment,
    ...(cwd === undefined ? {} : { cwd }),
  });
  const keys = [...type];
  let output = "";
  let unread = "";
  let last = performance.now();
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      terminal.kill("SIGKILL");
      reject(new Error(`\`${args.join(" ")}\` did not end within ${Math.round(deadline)} ms; it wrote:\n${output}`));
    }, deadline);
    terminal.onData((data) => {
      output += data;
      unread += data;
      last = performance.now();
      while (keys[0] !== undefined && keys[0][0].test(unread)) {
        unread = "";
        terminal.write(keys.shift()![1]);
      }
    });
    terminal.onExit(({ exitCode }) => {
      clearTimeout(late);
      resolve({ exitCode, output, lingered: performance.now() - last, cursorShown: lastMode(output, 25), linesWrap: lastMode(output, 7) });
    });
  });
}

/** Whether a private mode of the terminal is set at the end; both that are asked for are set at the beginning. */
function lastMode(output: string, mode: number): boolean {
  const changes = Array.from(output.matchAll(new RegExp(`\\u001b\\[\\?${mode}([hl])`, "g")), ([, change]) => change);
  return changes.at(-1) !== "l";
}

/** What is on the lines at the end: a bar that was drawn over is gone. */
export function plainText(output: string): string {
  const lines = output.replace(/\r\n/g, "\n").split("\n");
  // oxlint-disable-next-line no-control-regex
  const last = lines.map((line) => line.split(/\u001b\[1G|\u001b\[2K|\r/).filter((part) => withoutSequences(part) !== "").at(-1) ?? "");
  return last.map(withoutSequences).join("\n");
}

function withoutSequences(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/\u001b(?:\[[0-9;?]*[A-Za-z]|[78])/g, "");
}
