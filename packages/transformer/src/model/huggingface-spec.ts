import type { Activation } from "@elastic-attention/tensor";
import { parseElastic } from "./elastic-spec.js";
import type { FeedForwardSpec, NormSpec } from "./layer-spec.js";
import { type LayerType, layerWindows, readLayerTypes } from "./layer-types.js";
import type { ModelConfig } from "./model-config.js";
import type { ModelSpec } from "./model-spec.js";
import { contextLength } from "./rope/context-length.js";
import { isByLayerType, parseRopes, type RopeTraits } from "./rope/parse-rope.js";
import type { RopeSpec } from "./rope/rope-spec.js";

/** Fields of a spec that are the same in most families, so that an adapter names only those that differ in its own. */
type CommonTraits = Pick<
  ModelSpec,
  | "normPlaces"
  | "parallelParts"
  | "queryKeyNorm"
  | "queryKeyValueBias"
  | "attentionOutputBias"
  | "attentionScale"
  | "attentionSoftCap"
  | "attentionSinks"
  | "queryScaling"
  | "embeddingScale"
  | "residualScale"
  | "logitsScale"
  | "logitsSoftCap"
>;

/** What differs between the families that use the common keys of config.json; what is left out is as in Llama. */
export interface FamilyTraits extends Partial<CommonTraits> {
  readonly norm?: Partial<NormSpec>;
  readonly mlpBias?: boolean;
  /** Whether the MLP has a gate. Default true. */
  readonly gated?: boolean;
  /** Key of the activation's name. Default "hidden_act". */
  readonly activationKey?: string;
  /** Where the file does not name an activation. Default "silu". */
  readonly activation?: string;
  /** The part behind the attention where it is not one MLP for all tokens. */
  readonly feedForward?: (layer: number) => FeedForwardSpec;
  readonly rope?: RopeTraits;
  /** Whether a layer turns its queries and keys. Default: all do. */
  readonly hasRope?: (layer: number, type: LayerType) => boolean;
  /** Layers with a sliding window where `layer_types` is not in the file. Without it the family has no windows. */
  readonly isSliding?: (layer: number) => boolean;
  /** Where the file does not say how long a window is. Default: it must. */
  readonly window?: number;
  /** Where the file does not say. Default hidden size / heads. */
  readonly headDim?: number;
  readonly tiedEmbeddings?: boolean;
}

/** Reads the keys of config.json that decoder models share. @throws ModelConfigError */
export function huggingFaceSpec(config: ModelConfig, traits: FamilyTraits = {}): ModelSpec {
  const { norm = {}, feedForward, rope, hasRope = () => true, isSliding, window, mlpBias, gated, activationKey, activation, headDim: usualHeadDim, tiedEmbeddings = false, ...common } = traits;
  const [hiddenSize, numQueryHeads] = [config.count("hidden_size"), config.count("num_attention_heads")];
  const numKeyValueHeads = config.count("num_key_value_heads", numQueryHeads);
  if (numQueryHeads % numKeyValueHeads !== 0) {
    throw config.error("num_key_value_heads", `a divisor of num_attention_heads (${numQueryHeads})`);
  }
  const headDim = config.has("head_dim") || usualHeadDim !== undefined ? config.count("head_dim", usualHeadDim) : hiddenSize / numQueryHeads;
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) throw config.error("head_dim", "an even whole number");
  const types = readLayerTypes(config, isSliding);
  const windows = layerWindows(config, types, window);
  const ropeOf = parseRopes(config, headDim, rope);
  const dense = (): FeedForwardSpec => ({
    kind: "dense",
    intermediateSize: config.count("intermediate_size"),
    activation: readActivation(config, activationKey, activation),
    gated: gated ?? true,
    bias: mlpBias ?? false,
  });
  const typed = types.map((type, layer) => ({
    rope: hasRope(layer, type) ? ropeOf(type) : undefined,
    window: windows[layer],
    feedForward: (feedForward ?? dense)(layer),
  }));
  const longest = contextLength(config, globalRope(typed), !isByLayerType(config, rope));
  // A window that no text outgrows is none: such layers see the whole context, and routers decide about them.
  const layers = typed.map((layer) => ({ ...layer, window: layer.window !== undefined && layer.window < longest ? layer.window : undefined }));
  const type = config.string(config.has("dtype") ? "dtype" : "torch_dtype", "float32");
  return {
    ...plainTraits,
    attentionScale: headDim ** -0.5,
    ...common,
    architecture: config.architecture,
    vocabularySize: config.count("vocab_size"),
    hiddenSize,
    numLayers: layers.length,
    numQueryHeads,
    numKeyValueHeads,
    headDim,
    contextLength: longest,
    layers,
    norm: { kind: "rms", epsilon: config.number("rms_norm_eps", 1e-6), gainFromOne: false, bias: false, ...norm },
    tiedEmbeddings: config.boolean("tie_word_embeddings", tiedEmbeddings),
    beginOfTextId: config.tokenIds("bos_token_id")[0],
    endOfTextIds: config.tokenIds("eos_token_id"),
    checkpointDType: type === "bfloat16" ? "bf16" : type === "float16" ? "f16" : "f32",
    elastic: parseElastic(config),
  };
}

const plainTraits: Omit<CommonTraits, "attentionScale"> = {
  normPlaces: "before",
  parallelParts: false,
  queryKeyNorm: "none",
  queryKeyValueBias: false,
  attentionOutputBias: false,
  attentionSoftCap: undefined,
  attentionSinks: false,
  queryScaling: undefined,
  embeddingScale: 1,
  residualScale: 1,
  logitsScale: 1,
  logitsSoftCap: undefined,
};

/** Of a layer that sees the whole context; of any where none does. */
function globalRope(layers: ModelSpec["layers"]): RopeSpec | undefined {
  return (layers.find(({ rope, window }) => rope !== undefined && window === undefined) ?? layers.find(({ rope }) => rope !== undefined))?.rope;
}

/** The names that transformers has for what is computed here. */
const activations: Readonly<Record<string, Activation>> = {
  silu: "silu",
  swish: "silu",
  gelu: "gelu",
  gelu_python: "gelu",
  gelu_new: "geluTanh",
  gelu_fast: "geluTanh",
  gelu_pytorch_tanh: "geluTanh",
  relu: "relu",
  relu2: "reluSquared",
};

/** The activation that a key names. @throws ModelConfigError */
export function readActivation(config: ModelConfig, key = "hidden_act", fallback = "silu"): Activation {
  return activations[config.choice(key, Object.keys(activations), fallback)]!;
}
