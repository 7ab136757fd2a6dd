import { GgufFormatError, GgufMetadataError } from "@elastic-attention/core";
import { GgufCheckpoint, type GgufMetadata, weightFormat } from "@elastic-attention/tensor";
import { huggingFaceWeightName } from "../../model/huggingface-layout.js";
import type { ModelAdapter } from "../../model/model-adapter.js";
import { ModelConfig } from "../../model/model-config.js";
import { ArchitectureKeys } from "./architecture-keys.js";
import { findGgufArchitecture, type GgufArchitecture, ggufArchitectureNames } from "./gguf-architectures.js";
import { type GgufSizes, huggingFaceConfig, readSizes } from "./gguf-config.js";
import { checkKeys } from "./gguf-keys.js";
import { ropeTensorNames } from "./gguf-rope.js";
import { planTensors, type TensorPlan } from "./gguf-tensor-names.js";
import { GgufWeights } from "./gguf-weights.js";

/** How a checkpoint keeps a model's tensors, whatever the family. */
export type TensorLayout = Required<Pick<ModelAdapter, "fused" | "expertLayout" | "weightName">>;

/** A GGUF model as the model adapters and the loader take one; the caller closes the checkpoint. */
export interface GgufModel {
  readonly config: ModelConfig;
  readonly checkpoint: GgufWeights;
  /** Of the checkpoint: the same names for all families. */
  readonly layout: TensorLayout;
  /** Valid until the checkpoint is closed. */
  readonly metadata: GgufMetadata;
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
    const kind = readKind(file);
    return { ...readModel(file, kind), metadata: file.metadata, unknownKeys: kind.unknownKeys };
  } catch (error) {
    file.close();
    throw error;
  }
}

/** What the header of a GGUF model says that is still to be fetched. */
export interface GgufHeader {
  readonly metadata: GgufMetadata;
  /** Undefined where it needs more than the header: a model in parts, or with frequencies in a tensor. */
  readonly config: ModelConfig | undefined;
}

/**
 * Checks the beginning of a GGUF file, so that a model that is not supported is refused before the rest is fetched; undefined
 * where its header goes on behind these bytes.
 * @throws GgufFormatError, GgufMetadataError, MissingTensorError, UnsupportedWeightFormatError
 */
export function readGgufHeader(name: string, fileBytes: number, bytes: Uint8Array): GgufHeader | undefined {
  const file = GgufCheckpoint.ofBeginning(name, fileBytes, bytes);
  if (file === undefined) return undefined;
  const { metadata } = file;
  const kind = readKind(file);
  if (metadata.count("split.count", 1) > 1) return { metadata, config: undefined };
  try {
    return { metadata, config: readModel(file, kind).config };
  } catch (error) {
    // The frequencies are behind the header; everything else has been looked at before them.
    if (GgufFormatError.isInstance(error) && ropeTensorNames.some((tensor) => file.has(tensor))) return { metadata, config: undefined };
    throw error;
  }
}

/** What the metadata alone says. */
interface GgufKind {
  readonly architecture: GgufArchitecture;
  readonly keys: ArchitectureKeys;
  readonly unknownKeys: readonly string[];
  readonly sizes: GgufSizes;
}

function readKind({ metadata }: GgufCheckpoint): GgufKind {
  const architecture = readArchitecture(metadata);
  const keys = new ArchitectureKeys(metadata, architecture.name);
  return { architecture, keys, unknownKeys: checkKeys(keys, architecture.keys), sizes: readSizes(keys) };
}

function readModel(file: GgufCheckpoint, { architecture, keys, sizes }: GgufKind): Pick<GgufModel, "config" | "checkpoint" | "layout"> {
  const { layout, rotatesNeighbours = false } = architecture;
  const plan = planTensors(architecture, file, sizes);
  const checkpoint = new GgufWeights(file, plan.tensors, {
    rotatedHeadDim: rotatesNeighbours ? sizes.headDim : undefined,
    gainIncludesOne: layout.gainIncludesOne ?? false,
  });
  checkTensors(file, architecture, plan);
  return {
    checkpoint,
    config: new ModelConfig(huggingFaceConfig(file, architecture, keys, sizes, plan), file.path),
    layout: { weightName: huggingFaceWeightName, fused: layout.fused ?? [], expertLayout: "each" },
  };
}

function readArchitecture(metadata: GgufMetadata): GgufArchitecture {
  const name = metadata.string("general.architecture");
  // Adapters, projectors and importance matrices are GGUF files too.
  const type = metadata.string("general.type", "model");
  if (type !== "model") throw metadata.error("general.type", 'must be "model"', "Name the file of the model itself.");
  if (!ggufArchitectureNames.includes(name)) {
    throw metadata.error("general.architecture", `is not supported: must be one of ${ggufArchitectureNames.join(", ")}`, "Take another model.");
  }
  const numExperts = `${name}.expert_count`;
  const architecture = findGgufArchitecture(name, metadata.count(numExperts, 0) > 0);
  if (architecture === undefined) throw metadata.error(numExperts, metadata.has(numExperts) ? "asks for what is not supported" : "is missing");
  return architecture;
}

/** Every tensor of the file is used, as one that is not would change the computation; blocks are as they are since 2023. */
function checkTensors(file: GgufCheckpoint, architecture: GgufArchitecture, { tensors }: TensorPlan): void {
  const used = new Set([...tensors.map(({ ggufName }) => ggufName), ...ropeTensorNames]);
  const unused = [...file.names].filter((name) => !used.has(name));
  if (unused.length > 0) {
    const others = unused.length > 1 ? ` (and ${unused.length - 1} more)` : "";
    throw new GgufMetadataError(file.path, unused[0]!, `is a tensor${others} that a model of the architecture ${architecture.name} is not known to have.`);
  }
  const version = file.metadata.count("general.quantization_version", 2);
  const quantised = tensors.some(({ ggufName }) => weightFormat(file.entry(ggufName).type, ggufName).blockSize > 1);
  if (quantised && version !== 2) throw file.metadata.error("general.quantization_version", "must be 2");
}
