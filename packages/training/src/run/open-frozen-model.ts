import { findModel, type FindModelOptions } from "@elastic-attention/generation";
import type { Backend, FloatDType } from "@elastic-attention/tensor";
import { checkModel, checkpointHash, openModelFiles, PretrainedModel, TrainingModel } from "@elastic-attention/transformer";
import { modelFingerprint } from "./model-fingerprint.js";
import type { FrozenModel } from "./train-routers.js";

export interface OpenFrozenModelOptions {
  /** A folder with config.json, safetensors and tokenizer.json, a GGUF file, or the name of a model on the Hugging Face hub: see `findModel`. */
  readonly path: string;
  readonly backend: Backend;
  /** Default: bf16 for 16-bit checkpoints, else f32. */
  readonly dtype?: FloatDType;
  readonly onProgress?: (layersDone: number, layersTotal: number) => void;
  readonly signal?: AbortSignal;
}

/** Loads a model for training, fetched where it has to be. @throws the errors of `findModel` and of `PretrainedModel.open` */
export async function openFrozenModel(options: OpenFrozenModelOptions): Promise<FrozenModel & Disposable> {
  const { path } = await findModel(options.path, findOptions(options));
  using files = openModelFiles(path);
  const checked = checkModel(files);
  const fingerprint = modelFingerprint(files.checkpoint);
  const hash = checkpointHash(checked.files.checkpoint, checked.adapter);
  // Gradients flow through weights that are numbers, not blocks of a quantised file; and routers begin anew.
  const model = await PretrainedModel.open({ ...options, path, checked, weights: "unpacked", knownRouters: false });
  return {
    directory: model.ggufPath ?? model.directory,
    spec: model.spec,
    sizes: model.sizes,
    adapter: checked.adapter,
    backend: options.backend,
    stepper: TrainingModel.share(model.decoder),
    fingerprint,
    checkpointHash: hash,
    [Symbol.dispose]: () => model[Symbol.dispose](),
  };
}

function findOptions({ backend, dtype, signal }: OpenFrozenModelOptions): FindModelOptions {
  return { backend: backend.name, weights: "unpacked", ...(dtype === undefined ? {} : { dtype }), ...(signal === undefined ? {} : { signal }) };
}
