import { type Backend, type FloatDType, SafetensorsCheckpoint } from "@elastic-attention/tensor";
import { findModelAdapter, PretrainedModel, TrainingModel } from "@elastic-attention/transformer";
import { modelFingerprint } from "./model-fingerprint.js";
import type { FrozenModel } from "./train-routers.js";

export interface OpenFrozenModelOptions {
  /** Folder with config.json, safetensors and tokenizer.json. */
  readonly path: string;
  readonly backend: Backend;
  /** Default: bf16 for 16-bit checkpoints, else f32. */
  readonly dtype?: FloatDType;
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  readonly signal?: AbortSignal;
}

/** Loads a model folder for training. @throws the errors of `PretrainedModel.open` */
export async function openFrozenModel(options: OpenFrozenModelOptions): Promise<FrozenModel & Disposable> {
  using checkpoint = SafetensorsCheckpoint.open(options.path);
  const fingerprint = modelFingerprint(checkpoint);
  const model = await PretrainedModel.open(options);
  return {
    directory: model.directory,
    spec: model.spec,
    sizes: model.sizes,
    adapter: findModelAdapter(model.config),
    backend: options.backend,
    stepper: TrainingModel.share(model.decoder),
    fingerprint,
    [Symbol.dispose]: () => model[Symbol.dispose](),
  };
}
