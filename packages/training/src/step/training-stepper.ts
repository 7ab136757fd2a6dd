import type { TrainingStepOptions, TrainingStepResult } from "@elastic-attention/transformer";

/** A frozen model that gives the gradients of its routers for one pack; `TrainingModel` is one. */
export interface TrainingStepper {
  step(options: TrainingStepOptions): Promise<TrainingStepResult>;
}
