import { demoModelDirectory } from "@elastic-attention/demo-model";
import { type Backend, createBackend } from "@elastic-attention/tensor";
import { type FrozenModel, openFrozenModel, type TrainingConfig } from "@elastic-attention/training";

/** Where the model that a training configuration names is, fetched where it has to be. @throws the errors of `findModel` */
export async function trainingModelPath({ model, backend }: Pick<TrainingConfig, "model" | "backend">, signal: AbortSignal): Promise<string> {
  if (model === "demo") return demoModelDirectory();
  const { findModel } = await import("../../engine/find-model.js");
  return (await findModel(model, { backend, signal })).path;
}

/** The backend that a training configuration names. */
export function trainingBackend({ backend, threads }: Pick<TrainingConfig, "backend" | "threads">): Promise<Backend> {
  return createBackend(backend, threads === undefined ? {} : { threads });
}

/** The frozen model that a training configuration names. */
export async function openTrainingModel(
  config: TrainingConfig,
  backend: Backend,
  signal: AbortSignal,
  onProgress?: (done: number, total: number) => void,
): Promise<FrozenModel & Disposable> {
  return openFrozenModel({
    path: await trainingModelPath(config, signal),
    backend,
    signal,
    ...(config.dtype === undefined ? {} : { dtype: config.dtype }),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
}
