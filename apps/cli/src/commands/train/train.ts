import { runRanks } from "@elastic-attention/distributed";
import {
  readTrainingConfig, type StepReport, trainBaseline, trainRouters, trainingFiles,
} from "@elastic-attention/training";
import type { CommandFunction } from "../../program/command-definition.js";
import registerPackages from "../../program/register-packages.js";
import { layersOf, Progress } from "../../terminal/progress.js";
import type { TrainOptions } from "./train-commands.js";
import { openTrainingModel, trainingBackend } from "./training-model.js";
import { TrainingView } from "./training-view.js";

/** `train`: routers for a frozen model, as a configuration file says; under mpirun every rank takes its share of the packs. */
export const train: CommandFunction<TrainOptions> = async ({ options, signal }) => {
  registerPackages();
  const config = readTrainingConfig(options.config);
  const files = trainingFiles(config.output);
  await runRanks(async (communicator) => {
    using backend = await trainingBackend(config);
    using progress = new Progress("Loading the model", layersOf);
    using model = await openTrainingModel(config, backend, signal, (done, total) => progress.update(done, total));
    progress[Symbol.dispose]();
    using view = new TrainingView();
    const shows = communicator.rank === 0;
    const onStep = (report: StepReport) => {
      if (shows) view.update(report);
    };
    const run = { config, model, communicator, resume: options.resume === true, overwrite: options.overwrite === true, onStep, signal };
    if (options.baseline !== undefined) {
      const list = await trainBaseline(run, options.baseline, options.sparsity);
      view[Symbol.dispose]();
      if (shows) console.log(options.json ? JSON.stringify(list) : `Wrote ${options.baseline === "task-lists" ? "a heads-TASK.json for each task" : "heads.json"} in ${config.output}.`);
      return;
    }
    const last = await trainRouters(run);
    view[Symbol.dispose]();
    if (!shows) return;
    if (options.json) console.log(JSON.stringify({ files, last }, undefined, 2));
    else console.error(`Wrote ${config.save === "paw" ? files.paw : files.routers}; log, report and checkpoint are beside it.`);
  }, config.communicator);
  return 0;
};
