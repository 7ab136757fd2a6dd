import type { FloatDType } from "@elastic-attention/tensor";
import type { ElasticSpec } from "./elastic-spec.js";
import type { RopeSpec } from "./rope-spec.js";

/** Everything the decoder needs to know of a model; adapters make it from config.json. */
export interface ModelSpec {
  /** As config.json names it: LlamaForCausalLM, PawQwen3ForCausalLM, … */
  readonly architecture: string;
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numLayers: number;
  readonly numQueryHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  /** Longest sequence the model was made for, in tokens. */
  readonly contextLength: number;
  readonly rmsNormEpsilon: number;
  readonly rope: RopeSpec;
  /** Whether the output projection is the embedding table. */
  readonly tiedEmbeddings: boolean;
  readonly queryKeyValueBias: boolean;
  readonly attentionOutputBias: boolean;
  readonly mlpBias: boolean;
  /** RMSNorm of every query and key head before RoPE (Qwen3). */
  readonly queryKeyNorm: boolean;
  readonly beginOfTextId: number | undefined;
  readonly endOfTextIds: readonly number[];
  /** What the checkpoint says its weights are. */
  readonly checkpointDType: FloatDType;
  /** Present for checkpoints in a published elastic layout, and for any config that carries its keys. */
  readonly elastic: ElasticSpec | undefined;
}

/** What a model is computed in where nobody says: bf16 for 16-bit checkpoints, else f32. */
export function computeDType({ checkpointDType }: ModelSpec): FloatDType {
  return checkpointDType === "f32" ? "f32" : "bf16";
}

/** Number of parameters of the decoder, routers not counted. */
export function countParameters(spec: ModelSpec): number {
  const { hiddenSize, intermediateSize, numQueryHeads, numKeyValueHeads, headDim } = spec;
  const qkv = (numQueryHeads + 2 * numKeyValueHeads) * headDim;
  const attention = hiddenSize * qkv + numQueryHeads * headDim * hiddenSize;
  const biases = (spec.queryKeyValueBias ? qkv : 0) + (spec.attentionOutputBias ? hiddenSize : 0);
  const mlp = 3 * hiddenSize * intermediateSize + (spec.mlpBias ? 2 * intermediateSize + hiddenSize : 0);
  const norms = 2 * hiddenSize + (spec.queryKeyNorm ? 2 * headDim : 0);
  const tables = (spec.tiedEmbeddings ? 1 : 2) * spec.vocabularySize * hiddenSize;
  return spec.numLayers * (attention + biases + mlp + norms) + tables + hiddenSize;
}
