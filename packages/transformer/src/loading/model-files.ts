import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import { CheckpointLayoutError } from "@elastic-attention/core";
import { type Checkpoint, type GgufMetadata, SafetensorsCheckpoint } from "@elastic-attention/tensor";
import { ModelConfig } from "../model/model-config.js";
import { readQuantisation } from "../model/quantisation-scheme.js";
import { UnpackedCheckpoint } from "./quantised/unpacked-checkpoint.js";
import { openGgufModel, type TensorLayout } from "./gguf/open-gguf-model.js";

/** The files of a model, open: what it is and where its weights are. */
export interface ModelFiles extends Disposable {
  /** Folder that routers, a head list or a tokenizer may lie in. */
  readonly directory: string;
  /** The GGUF file, or its first part, which then has the tokenizer too; undefined for a model in safetensors. */
  readonly ggufPath: string | undefined;
  /** Its metadata, where there is a GGUF file; valid until the files are closed. */
  readonly ggufMetadata: GgufMetadata | undefined;
  readonly config: ModelConfig;
  /** Tensors under the names of transformers. */
  readonly checkpoint: Checkpoint;
  /** How they are kept; undefined where it is as the family's own checkpoints do. */
  readonly layout: TensorLayout | undefined;
  /** How its matrices are quantised, in words, where they are unpacked while they are read: "GPTQ (4 bits, groups of 128)". */
  readonly quantisation?: string;
  /** Keys of a GGUF file that are not known; empty for other files. */
  readonly unknownKeys: readonly string[];
}

/**
 * Opens a model: a folder with config.json and safetensors, a .safetensors file beside a config.json, or a GGUF file (one
 * part of it where it has several, or the folder that holds nothing else).
 * @throws ModelConfigError, SafetensorsFormatError, CheckpointLayoutError, GgufFormatError, GgufMetadataError,
 *   MissingTensorError, UnsupportedWeightFormatError
 */
export function openModelFiles(path: string): ModelFiles {
  const ggufPath = findGguf(path);
  if (ggufPath !== undefined) {
    const { config, checkpoint, layout, metadata: ggufMetadata, unknownKeys } = openGgufModel(ggufPath);
    return { directory: dirname(ggufPath), ggufPath, ggufMetadata, config, checkpoint, layout, unknownKeys, [Symbol.dispose]: () => checkpoint.close() };
  }
  const checkpoint = SafetensorsCheckpoint.open(path);
  try {
    const directory = statSync(path).isDirectory() ? path : dirname(path);
    const config = ModelConfig.read(directory);
    const scheme = readQuantisation(config);
    const quantisation = scheme === undefined ? {} : { quantisation: scheme.text };
    const tensors = scheme === undefined ? checkpoint : new UnpackedCheckpoint(checkpoint, scheme);
    return { directory, ggufPath, ggufMetadata: undefined, config, checkpoint: tensors, ...quantisation, layout: undefined, unknownKeys: [], [Symbol.dispose]: () => checkpoint.close() };
  } catch (error) {
    checkpoint.close();
    throw error;
  }
}

/**
 * The GGUF file that a model's path names; undefined where it names something else.
 * @throws CheckpointLayoutError for a folder of several models
 */
export function findGguf(path: string): string | undefined {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) return undefined;
  if (!status.isDirectory()) return extname(path) === ".gguf" || (status.isFile() && beginsAsGguf(path)) ? path : undefined;
  if (["model.safetensors", "model.safetensors.index.json"].some((name) => existsSync(join(path, name)))) return undefined;
  const models = readdirSync(path).filter((name) => name.endsWith(".gguf") && !/-\d{5}-of-\d{5}\.gguf$/.test(name.replace("-00001-of-", "")));
  if (models.length > 1) {
    throw new CheckpointLayoutError(`${path} holds ${models.length} GGUF models: ${models.slice(0, 5).join(", ")}.`, "Name one of the files.");
  }
  return models[0] === undefined ? undefined : join(path, models[0]);
}

/** A download cache keeps files without their extension. */
function beginsAsGguf(path: string): boolean {
  const descriptor = openSync(path, "r");
  try {
    const magic = Buffer.alloc(4);
    return readSync(descriptor, magic, 0, 4, 0) === 4 && magic.toString("latin1") === "GGUF";
  } finally {
    closeSync(descriptor);
  }
}
