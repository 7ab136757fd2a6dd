import { demoModelDirectory } from "@elastic-attention/demo-model";
import { type Backend, createBackend } from "@elastic-attention/tensor";
import { type FrozenModel, openFrozenModel, type TrainingConfig } from "@elastic-attention/training";

/** The folder of the model that a training configuration names. */
export function trainingModelPath({ model }: Pick<TrainingConfig, "model">): string {
  return model === "demo" ? demoModelDirectory() : model;
}

/** The backend that a training configuration names. */
export function trainingBackend({ backend, threads }: Pick<TrainingConfig, "backend" | "threads">): Promise<Backend> {
  return createBackend(backend, threads === undefined ? {} : { threads });
}

/** The frozen model that a training configuration names. */
export function openTrainingModel(
  config: TrainingConfig,
  backend: Backend,
  signal: AbortSignal,
  onProgress?: (done: number, total: number) => void,
): Promise<FrozenModel & Disposable> {
  return openFrozenModel({
    path: trainingModelPath(config),
    backend,
    signal,
    ...(config.dtype === undefined ? {} : { dtype: config.dtype }),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
}
