import { runRanks } from "@elastic-attention/distributed";
import { type AblationAxis, ablationTable, readTrainingConfig, runAblation, type StepReport } from "@elastic-attention/training";
import registerPackages from "../register-packages.js";
import type { CommandFunction } from "../run-command.js";
import { TrainingView } from "../terminal/training-view.js";
import { openTrainingModel, trainingBackend } from "../training-model.js";

interface AblateOptions {
  readonly config: string;
  readonly axis: AblationAxis;
  readonly overwrite?: boolean;
  readonly json?: boolean;
}

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
