// Brings the build up to date without a word, then runs the command line with the arguments given here.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { root, startTurbo } from "./start-turbo.mjs";

const cli = join(root, "apps", "cli", "dist", "main.js");
/** A build that is up to date answers sooner than this; one that is not deserves a word. */
const quietMilliseconds = 3000;

function build() {
  return new Promise((resolve) => {
    const turbo = startTurbo(
      ["run", "build", "--filter=@elastic-attention/cli...", "--output-logs=errors-only"],
      ["ignore", "pipe", "pipe"],
    );
    const output = [];
    turbo.stdout.on("data", (chunk) => output.push(chunk));
    turbo.stderr.on("data", (chunk) => output.push(chunk));
    const notice = setTimeout(() => console.error("Building (once; about a minute) ..."), quietMilliseconds);
    const finish = (status) => {
      clearTimeout(notice);
      resolve({ status, output: Buffer.concat(output).toString() });
    };
    turbo.on("error", (error) => {
      output.push(Buffer.from(`The build did not start: ${error.message}. Run pnpm install first.\n`));
      finish(1);
    });
    turbo.on("close", (status) => finish(status ?? 1));
  });
}

const { status, output } = await build();
if (status !== 0) {
  process.stderr.write(output);
  process.exit(status);
}

// pnpm puts its own folder in cwd; INIT_CWD is where the user stood, which relative paths in the arguments mean.
const program = spawn(process.execPath, [cli, ...process.argv.slice(2)], {
  cwd: process.env.INIT_CWD ?? process.cwd(),
  stdio: "inherit",
});
// The terminal sends Ctrl-C to the whole group: the program decides when to end, and this process waits for it.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => program.kill(signal));
program.on("close", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
