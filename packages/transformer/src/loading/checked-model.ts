import { interpretConfig } from "../model/interpret-config.js";
import type { ModelAdapter } from "../model/model-adapter.js";
import type { ModelSpec } from "../model/model-spec.js";
import { refuseQuantisedTensors } from "../model/quantised-checkpoints.js";
import { checkWeights } from "./check-weights.js";
import type { TensorLayout } from "./gguf/open-gguf-model.js";
import type { ModelFiles } from "./model-files.js";
import { RecordedCheckpoint } from "./recorded-checkpoint.js";
import { hasOwnHead } from "./tied-head.js";

/** A model whose files fit together, before its weights are read. */
export interface CheckedModel {
  readonly files: ModelFiles;
  readonly adapter: ModelAdapter;
  /** As the tensors have it: a head of its own where the file has one. */
  readonly spec: ModelSpec;
  /** Whether the output projection is not the embedding although the config ties them. */
  readonly hasOwnHead: boolean;
  /** Keys of the config, or of a GGUF file, that nobody here knows. */
  readonly unknownKeys: readonly string[];
  /** Tensors that are not used, but for those that are known to change nothing. */
  readonly unreadTensors: readonly string[];
  /** The same and whatever else a user should know, in sentences. */
  readonly notes: readonly string[];
}

/** Tensors that change nothing: buffers that are computed anew, and what training leaves. */
const inertTensors = /(\.rotary_emb\.inv_freq|\.attn\.(masked_)?bias|\.attn_mask_log_alphas|\.sparsity_lambda_?\w*)$/;

/**
 * Checks everything that can be checked without reading weights.
 * @param adapter default: the one registered for the config's architecture
 * @throws ModelConfigError, MissingTensorError, ShapeError, UnsupportedWeightFormatError
 */
export function checkModel(files: ModelFiles, adapter?: ModelAdapter): CheckedModel {
  const { config, ggufPath } = files;
  const interpreted = interpretConfig(config, adapter);
  const modelAdapter = files.layout === undefined ? interpreted.adapter : withLayout(interpreted.adapter, files.layout);
  // The config of a GGUF file is made here; the keys of the file itself were looked at when it was opened.
  const unknownKeys = ggufPath === undefined ? interpreted.unknownKeys : files.unknownKeys;
  const checkpoint = new RecordedCheckpoint(files.checkpoint);
  const ownHead = hasOwnHead(checkpoint, modelAdapter, interpreted.spec);
  const spec = ownHead ? { ...interpreted.spec, tiedEmbeddings: false } : interpreted.spec;
  const isQuantised = config.has("quantization_config");
  try {
    checkWeights(checkpoint, modelAdapter, spec);
  } catch (error) {
    // A quantised matrix is missing under its own name, or has another shape or type.
    if (!isQuantised) refuseQuantisedTensors(checkpoint, checkpoint.unread);
    throw error;
  }
  const routers = Array.from({ length: spec.numLayers }, (_, layer) => modelAdapter.weightName("router", layer));
  const unreadTensors = checkpoint.unread.filter((name) => !inertTensors.test(name) && !routers.some((prefix) => name.startsWith(prefix)));
  if (!isQuantised) refuseQuantisedTensors(checkpoint, unreadTensors);
  const notes = [
    ...(ownHead ? [`${modelAdapter.weightName("output", 0)} is not the embedding, although tie_word_embeddings is true: it is used, as transformers does.`] : []),
    ...keyNotes(unknownKeys),
    ...tensorNotes(unreadTensors),
  ];
  return { files, adapter: modelAdapter, spec, hasOwnHead: ownHead, unknownKeys, unreadTensors, notes };
}

/** An adapter for a checkpoint that keeps its tensors in another way than the family does. */
function withLayout(adapter: ModelAdapter, layout: TensorLayout): ModelAdapter {
  const { name, architectures } = adapter;
  return { name, architectures, matches: (config) => adapter.matches(config), spec: (config) => adapter.spec(config), ...layout };
}

function keyNotes(keys: readonly string[]): string[] {
  return keys.length === 0 ? [] : [`Keys of the model that are not known here, which may change what it computes: ${shortened(keys)}.`];
}

function tensorNotes(tensors: readonly string[]): string[] {
  if (tensors.length === 0) return [];
  const biases = tensors.some((name) => name.endsWith(".bias")) ? " Its config asks for no biases there." : "";
  return [`${tensors.length === 1 ? "1 tensor of the model is" : `${tensors.length} tensors of the model are`} not used: ${shortened(tensors)}.${biases}`];
}

function shortened(names: readonly string[], shown = 8): string {
  const more = names.length > shown ? ` and ${names.length - shown} more` : "";
  return names.slice(0, shown).join(", ") + more;
}
