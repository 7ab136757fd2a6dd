import { runRanks } from "@elastic-attention/distributed";
import { ablationTable, readTrainingConfig, runAblation, type StepReport } from "@elastic-attention/training";
import type { CommandFunction } from "../../program/command-definition.js";
import registerPackages from "../../program/register-packages.js";
import type { AblateOptions } from "./train-commands.js";
import { openTrainingModel, trainingBackend } from "./training-model.js";
import { TrainingView } from "./training-view.js";

/** `ablate`: trains routers along one axis of choices and prints how they end up. */
export const ablate: CommandFunction<AblateOptions> = async ({ options, signal }) => {
  registerPackages();
  const config = readTrainingConfig(options.config);
  await runRanks(async (communicator) => {
    using backend = await trainingBackend(config);
    using model = await openTrainingModel(config, backend, signal);
    const shows = communicator.rank === 0;
    let view = new TrainingView();
    const onStep = (report: StepReport) => {
      if (shows) view.update(report);
    };
    try {
      const rows = await runAblation({ config, model, communicator, resume: false, overwrite: options.overwrite === true, onStep, signal }, options.axis, (row) => {
        view[Symbol.dispose]();
        view = new TrainingView();
        if (shows) console.error(`${options.axis} ${row.name} is trained.`);
      });
      if (shows) console.log(options.json ? JSON.stringify(rows, undefined, 2) : ablationTable(options.axis, rows));
    } finally {
      view[Symbol.dispose]();
    }
  }, config.communicator);
  return 0;
};
