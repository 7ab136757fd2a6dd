import type { Backend, FloatDType } from "@elastic-attention/tensor";
import { findModelAdapter, openModelFiles, PretrainedModel, TrainingModel } from "@elastic-attention/transformer";
import { modelFingerprint } from "./model-fingerprint.js";
import type { FrozenModel } from "./train-routers.js";

export interface OpenFrozenModelOptions {
  /** Folder with config.json, safetensors and tokenizer.json, or a GGUF file. */
  readonly path: string;
  readonly backend: Backend;
  /** Default: bf16 for 16-bit checkpoints, else f32. */
  readonly dtype?: FloatDType;
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  readonly signal?: AbortSignal;
}

/** Loads a model folder for training. @throws the errors of `PretrainedModel.open` */
export async function openFrozenModel(options: OpenFrozenModelOptions): Promise<FrozenModel & Disposable> {
  using files = openModelFiles(options.path);
  const fingerprint = modelFingerprint(files.checkpoint);
  const model = await PretrainedModel.open(options);
  return {
    directory: model.ggufPath ?? model.directory,
    spec: model.spec,
    sizes: model.sizes,
    adapter: findModelAdapter(model.config),
    backend: options.backend,
    stepper: TrainingModel.share(model.decoder),
    fingerprint,
    [Symbol.dispose]: () => model[Symbol.dispose](),
  };
}
