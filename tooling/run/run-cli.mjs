// Brings what the command line needs up to date, then runs it with the arguments given here. What is up to date costs a
// look at the files' times; what is not is shown on the screen step by step.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { root } from "./esbuild.mjs";
import { whileLocked } from "./first-build/build-lock.mjs";
import { dueSteps } from "./first-build/steps.mjs";
import { StepView } from "./first-build/step-view.mjs";

const cli = join(root, "apps", "cli", "dist", "main.js");
const argumentsOfCli = process.argv.slice(2);

/** Whether somebody asks for the CUDA backend: by `--backend cuda` or ELASTIC_ATTENTION_CUDA=1. */
function wantsCuda() {
  const at = argumentsOfCli.indexOf("--backend");
  const named = argumentsOfCli.includes("--backend=cuda") || (at >= 0 && argumentsOfCli[at + 1] === "cuda");
  return named || process.env["ELASTIC_ATTENTION_CUDA"] === "1";
}

async function bringUpToDate() {
  const serve = argumentsOfCli.includes("serve");
  const wanted = { cuda: wantsCuda(), serve, page: serve && argumentsOfCli.includes("--ui") };
  if (dueSteps(wanted).length === 0) return;
  await whileLocked(async () => {
    const steps = dueSteps(wanted);
    const view = new StepView();
    if (steps.length > 0) console.error("Building what has changed or was never built (only now):");
    for (const step of steps) {
      view.begin(step.title);
      const { status, output } = await step.run((detail) => view.progress(detail));
      view.end(status === 0 ? "built" : "failed");
      if (status !== 0) {
        process.stderr.write(output);
        process.exit(status);
      }
    }
    if (steps.length > 0) console.error("");
  });
}

for (const [signal, status] of [["SIGINT", 130], ["SIGTERM", 143]]) process.once(signal, () => process.exit(status));
await bringUpToDate();
process.removeAllListeners("SIGINT").removeAllListeners("SIGTERM");

// pnpm puts its own folder in cwd; INIT_CWD is where the user stood, which relative paths in the arguments mean.
const program = spawn(process.execPath, [cli, ...argumentsOfCli], {
  cwd: process.env.INIT_CWD ?? process.cwd(),
  stdio: "inherit",
});
// The terminal sends Ctrl-C to the whole group: the program decides when to end, and this process waits for it.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => program.kill(signal));
program.on("close", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
