import { GgufMetadataError } from "@elastic-attention/core";
import { GgufCheckpoint, weightFormat } from "@elastic-attention/tensor";
import { ModelConfig } from "../../model/model-config.js";
import { type GgufArchitecture, ggufArchitectures } from "./gguf-architectures.js";
import { huggingFaceConfig, readSizes } from "./gguf-config.js";
import { checkKeys } from "./gguf-keys.js";
import { ropeDivisorsName } from "./gguf-rope.js";
import { planTensors, type TensorPlan } from "./gguf-tensor-names.js";
import { GgufWeights } from "./gguf-weights.js";

/** A GGUF model as the model adapters and the loader take one; the caller closes the checkpoint. */
export interface GgufModel {
  readonly config: ModelConfig;
  readonly checkpoint: GgufWeights;
  /** Keys of the metadata that nobody here knows: they may matter or not. */
  readonly unknownKeys: readonly string[];
}

/**
 * Opens a GGUF model, of which `path` is the file or one of its parts. Everything that its metadata asks for is supported,
 * or refused before weights are read.
 * @throws GgufFormatError, CheckpointLayoutError, GgufMetadataError, MissingTensorError, UnsupportedWeightFormatError
 */
export function openGgufModel(path: string): GgufModel {
  const file = GgufCheckpoint.open(path);
  try {
    const architecture = readArchitecture(file);
    const unknownKeys = checkKeys(file.metadata, architecture.name);
    const sizes = readSizes(file.metadata, architecture.name);
    // Before a plan is made for a claimed number of layers.
    const blockCount = `${architecture.name}.block_count`;
    if (sizes.numLayers > [...file.names].length) throw file.metadata.error(blockCount, "must not be above the number of tensors");
    const plan = planTensors(architecture, file, sizes.numLayers);
    const checkpoint = new GgufWeights(file, plan.tensors, architecture.rotatesNeighbours ? sizes.headDim : undefined);
    checkTensors(file, architecture, plan);
    const config = new ModelConfig(huggingFaceConfig(file, architecture, sizes, plan), path);
    return { config, checkpoint, unknownKeys };
  } catch (error) {
    file.close();
    throw error;
  }
}

function readArchitecture({ metadata }: GgufCheckpoint): GgufArchitecture {
  const name = metadata.string("general.architecture");
  // Adapters, projectors and importance matrices are GGUF files too.
  const type = metadata.string("general.type", "model");
  if (type !== "model") throw metadata.error("general.type", 'must be "model"', "Name the file of the model itself.");
  const architecture = ggufArchitectures.get(name);
  if (architecture === undefined) {
    throw metadata.error("general.architecture", `is not supported: must be one of ${[...ggufArchitectures.keys()].join(", ")}`, "Take another model.");
  }
  return architecture;
}

/** Every tensor of the file is used, as one that is not would change the computation; blocks are as they are since 2023. */
function checkTensors(file: GgufCheckpoint, architecture: GgufArchitecture, { tensors }: TensorPlan): void {
  const used = new Set(tensors.map(({ ggufName }) => ggufName)).add(ropeDivisorsName);
  const unused = [...file.names].filter((name) => !used.has(name));
  if (unused.length > 0) {
    const others = unused.length > 1 ? ` (and ${unused.length - 1} more)` : "";
    throw new GgufMetadataError(file.path, unused[0]!, `is a tensor${others} that a model of the architecture ${architecture.name} is not known to have.`);
  }
  const version = file.metadata.count("general.quantization_version", 2);
  const quantised = tensors.some(({ ggufName }) => weightFormat(file.entry(ggufName).type, ggufName).blockSize > 1);
  if (quantised && version !== 2) throw file.metadata.error("general.quantization_version", "must be 2");
}
