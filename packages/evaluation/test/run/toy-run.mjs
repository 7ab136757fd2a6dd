// Runs the toy suites on the demo model into a folder: a child process to be killed, or one rank of several.
import { cpuProvider } from "@elastic-attention/cpu";
import { demoModelDirectory } from "@elastic-attention/demo-model";
import { runRanks } from "@elastic-attention/distributed";
import { LocalEngine } from "@elastic-attention/generation";
import { registerQwen } from "@elastic-attention/model-qwen";
import { registerBackend } from "@elastic-attention/tensor";
import { describeRun, parseVariants, planSuites, registerSuite, RunFolder, runEvaluation } from "../../dist/index.js";
import { readingSuite, toySuite } from "./toy-suite.mjs";

const [folder, resume] = process.argv.slice(2);
registerBackend(cpuProvider);
registerQwen();
registerSuite(toySuite);
registerSuite(readingSuite);

await runRanks(async (communicator) => {
  const engine = await LocalEngine.load({ path: demoModelDirectory(), backend: "cpu", threads: 1 });
  const { planned } = await planSuites({ suites: ["toy", "reading"], data: {}, samplesPerTask: 2 });
  const request = {
    suites: planned, variants: parseVariants("full,fa-ssa,random:0.5", { sweep: [0.25, 0.75] }),  sweepSamples: 1,
    seed: 5, chatFormat: "auto", strict: false, chainOfThought: false, decode: "routed", data: {},
  };
  const description = await describeRun(engine, request, communicator);
  const { records } = await runEvaluation({
    engine, request, description, communicator, folder: new RunFolder(folder), resume: resume === "--resume", signal: new AbortController().signal,
  });
  await engine[Symbol.asyncDispose]();
  if (communicator.rank === 0) console.log(JSON.stringify({ records: records.length, ranks: communicator.size }));
});
