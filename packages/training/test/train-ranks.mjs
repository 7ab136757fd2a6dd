// One rank of the tests: trains the routers of a model folder, and prints the losses that this rank saw. `stop=N` breaks off
// after N steps, `resume` goes on.
import { cpuProvider } from "@elastic-attention/cpu";
import { runRanks } from "@elastic-attention/distributed";
import { registerQwen } from "@elastic-attention/model-qwen";
import { createBackend, registerBackend } from "@elastic-attention/tensor";
import { openFrozenModel, readTrainingConfig, trainRouters } from "../dist/index.js";

const [path, configPath, ...options] = process.argv.slice(2);
const stop = Number(options.find((option) => option.startsWith("stop="))?.slice(5));
const config = readTrainingConfig(configPath);
registerBackend(cpuProvider);
registerQwen();
await runRanks(async (communicator) => {
  const backend = await createBackend("cpu", { threads: 1 });
  const model = await openFrozenModel({ path, backend });
  const losses = [];
  const onStep = ({ languageModelLoss, gradientNorm, tokens }) => {
    if (losses.push([languageModelLoss, gradientNorm, tokens]) === stop) throw new Error("stopped as asked");
  };
  await trainRouters({ config, model, communicator, resume: options.includes("resume"), onStep });
  model[Symbol.dispose]();
  backend[Symbol.dispose]();
  console.log(JSON.stringify({ rank: communicator.rank, name: communicator.name, losses }));
});
