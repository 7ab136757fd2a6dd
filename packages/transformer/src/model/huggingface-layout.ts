import { parseElastic } from "./elastic-spec.js";
import type { WeightRole } from "./model-adapter.js";
import type { ModelConfig } from "./model-config.js";
import type { ModelSpec } from "./model-spec.js";
import { parseRope } from "./rope-spec.js";

const layerNames: Record<Exclude<WeightRole, "embedding" | "finalNorm" | "output">, string> = {
  attentionNorm: "input_layernorm.weight",
  query: "self_attn.q_proj.weight",
  key: "self_attn.k_proj.weight",
  value: "self_attn.v_proj.weight",
  attentionOutput: "self_attn.o_proj.weight",
  queryNorm: "self_attn.q_norm.weight",
  keyNorm: "self_attn.k_norm.weight",
  mlpNorm: "post_attention_layernorm.weight",
  gate: "mlp.gate_proj.weight",
  up: "mlp.up_proj.weight",
  down: "mlp.down_proj.weight",
  router: "self_attn.mask_allocator.",
};

/** Tensor names that Llama and Qwen checkpoints share. */
export function huggingFaceWeightName(role: WeightRole, layer: number): string {
  switch (role) {
    case "embedding":
      return "model.embed_tokens.weight";
    case "finalNorm":
      return "model.norm.weight";
    case "output":
      return "lm_head.weight";
    default:
      return `model.layers.${layer}.${layerNames[role]}`;
  }
}

/** What differs between the families that use the common keys of config.json. */
export interface FamilyTraits {
  readonly queryKeyValueBias: boolean;
  readonly attentionOutputBias: boolean;
  readonly mlpBias: boolean;
  readonly queryKeyNorm: boolean;
}

/** Reads the keys of config.json that Llama and Qwen share. @throws ModelConfigError */
export function huggingFaceSpec(config: ModelConfig, traits: FamilyTraits): ModelSpec {
  const [hiddenSize, numQueryHeads] = [config.count("hidden_size"), config.count("num_attention_heads")];
  const numKeyValueHeads = config.count("num_key_value_heads", numQueryHeads);
  if (numQueryHeads % numKeyValueHeads !== 0) {
    throw config.error("num_key_value_heads", `a divisor of num_attention_heads (${numQueryHeads})`);
  }
  const headDim = config.has("head_dim") ? config.count("head_dim") : hiddenSize / numQueryHeads;
  if (!Number.isInteger(headDim) || headDim % 2 !== 0) throw config.error("head_dim", "an even whole number");
  config.choice("hidden_act", ["silu"], "silu");
  const type = config.string(config.has("dtype") ? "dtype" : "torch_dtype", "float32");
  return {
    ...traits,
    architecture: config.architecture,
    vocabularySize: config.count("vocab_size"),
    hiddenSize,
    intermediateSize: config.count("intermediate_size"),
    numLayers: config.count("num_hidden_layers"),
    numQueryHeads,
    numKeyValueHeads,
    headDim,
    contextLength: config.count("max_position_embeddings"),
    rmsNormEpsilon: config.number("rms_norm_eps", 1e-6),
    rope: parseRope(config),
    tiedEmbeddings: config.boolean("tie_word_embeddings", false),
    beginOfTextId: config.tokenIds("bos_token_id")[0],
    endOfTextIds: config.tokenIds("eos_token_id"),
    checkpointDType: type === "bfloat16" ? "bf16" : type === "float16" ? "f16" : "f32",
    elastic: parseElastic(config),
  };
}
