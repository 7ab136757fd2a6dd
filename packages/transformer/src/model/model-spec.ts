import type { FloatDType } from "@elastic-attention/tensor";
import type { ElasticSpec } from "./elastic-spec.js";
import type { ModelShard } from "../parallel/model-shard.js";
import { feedForwardParameters, type LayerSpec, type NormPlaces, type NormSpec, type QueryKeyNorm } from "./layer-spec.js";

/**
 * Everything the decoder needs to know of a model; adapters make it from config.json. A family is data: what it computes
 * differently is a field here, and a step of the one decoder layer.
 */
export interface ModelSpec {
  /** As config.json names it: LlamaForCausalLM, PawQwen3ForCausalLM, … */
  readonly architecture: string;
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly numQueryHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  /** Longest sequence the model was made for, in tokens. */
  readonly contextLength: number;
  /** One for each layer. */
  readonly layers: readonly LayerSpec[];
  /** All norms but those of queries and keys, which are RMS norms of the same epsilon and gain. */
  readonly norm: NormSpec;
  readonly normPlaces: NormPlaces;
  /** Whether attention and feed-forward part read the same norm of a layer's input, and both are added to it (Cohere). */
  readonly parallelParts: boolean;
  readonly queryKeyNorm: QueryKeyNorm;
  readonly queryKeyValueBias: boolean;
  readonly attentionOutputBias: boolean;
  /** Multiplies q · k; headDim^-0.5 in most models. */
  readonly attentionScale: number;
  /** Bounds the scores before the softmax: cap · tanh(score / cap). */
  readonly attentionSoftCap: number | undefined;
  /** Whether every query head has a sink: a logit that enters the softmax's sum and nothing else (gpt-oss). */
  readonly attentionSinks: boolean;
  readonly queryScaling: QueryScaling | undefined;
  /** Multiplies the embeddings, rounded to the compute type. */
  readonly embeddingScale: number;
  /** Multiplies what a part adds to the residual stream. */
  readonly residualScale: number;
  /** Multiplies the logits, before their cap. */
  readonly logitsScale: number;
  /** Bounds the logits: cap · tanh(logit / cap). */
  readonly logitsSoftCap: number | undefined;
  /** Whether the output projection is the embedding table. */
  readonly tiedEmbeddings: boolean;
  readonly beginOfTextId: number | undefined;
  readonly endOfTextIds: readonly number[];
  /** What the checkpoint says its weights are. */
  readonly checkpointDType: FloatDType;
  /** Present for checkpoints in a published elastic layout, and for any config that carries its keys. */
  readonly elastic: ElasticSpec | undefined;
  /** A rank's share of a model that several hold together: counts of heads and features are then the rank's. */
  readonly shard?: ModelShard;
}

/** What a model is computed in where nobody says: bf16 for 16-bit checkpoints, else f32. */
export function computeDType({ checkpointDType }: ModelSpec): FloatDType {
  return checkpointDType === "f32" ? "f32" : "bf16";
}

/** The rotated query at position p times 1 + beta · ln(1 + floor(p / originalContextLength)) (Ministral 3). */
export interface QueryScaling {
  readonly beta: number;
  readonly originalContextLength: number;
}

/** Layers whose heads a router decides about: those that see the whole context. */
export function routedLayers({ layers }: Pick<ModelSpec, "layers">): readonly number[] {
  return layers.flatMap(({ window }, layer) => (window === undefined ? [layer] : []));
}

/** Numbers of a vector each norm has: a gain, and a bias where there is one. */
export function normVectors({ bias }: NormSpec): number {
  return bias ? 2 : 1;
}

/** Norms over the hidden size in one layer. */
export function normsPerLayer({ normPlaces, parallelParts }: Pick<ModelSpec, "normPlaces" | "parallelParts">): number {
  const before = normPlaces === "after" ? 0 : parallelParts ? 1 : 2;
  return before + (normPlaces === "before" ? 0 : 2);
}

/** Parameters of one layer: elements of matrices, and of vectors (norms, biases, sinks). */
export function layerParameters(spec: ModelSpec, layer: number): { readonly matrices: number; readonly vectors: number } {
  const { hiddenSize, numQueryHeads, numKeyValueHeads, headDim, norm, queryKeyNorm } = spec;
  const [queries, keys] = [numQueryHeads * headDim, numKeyValueHeads * headDim];
  const headNorms = queryKeyNorm === "none" ? 0 : queryKeyNorm === "head" ? 2 * headDim : queries + keys;
  const biases = (spec.queryKeyValueBias ? queries + 2 * keys : 0) + (spec.attentionOutputBias ? hiddenSize : 0);
  const feedForward = feedForwardParameters(spec.layers[layer]!.feedForward, hiddenSize);
  return {
    matrices: hiddenSize * (2 * queries + 2 * keys) + feedForward.matrices,
    vectors: normsPerLayer(spec) * normVectors(norm) * hiddenSize + headNorms + biases + (spec.attentionSinks ? numQueryHeads : 0) + feedForward.vectors,
  };
}

/** Number of parameters of the decoder, routers not counted. */
export function countParameters(spec: ModelSpec): number {
  const tables = (spec.tiedEmbeddings ? 1 : 2) * spec.vocabularySize * spec.hiddenSize;
  const finalNorm = normVectors(spec.norm) * spec.hiddenSize;
  return spec.layers.reduce((sum, _, layer) => {
    const { matrices, vectors } = layerParameters(spec, layer);
    return sum + matrices + vectors;
  }, tables + finalNorm);
}
