import type { WeightRole } from "./model-adapter.js";

type LayerRole = Exclude<WeightRole, "embedding" | "finalNorm" | "output">;

const layerNames: Record<LayerRole, string> = {
  attentionNorm: "input_layernorm.weight",
  query: "self_attn.q_proj.weight",
  key: "self_attn.k_proj.weight",
  value: "self_attn.v_proj.weight",
  queryKeyValue: "self_attn.qkv_proj.weight",
  attentionOutput: "self_attn.o_proj.weight",
  attentionOutputNorm: "post_self_attn_layernorm.weight",
  queryNorm: "self_attn.q_norm.weight",
  keyNorm: "self_attn.k_norm.weight",
  sinks: "self_attn.sinks",
  mlpNorm: "post_attention_layernorm.weight",
  gate: "mlp.gate_proj.weight",
  up: "mlp.up_proj.weight",
  gateUp: "mlp.gate_up_proj.weight",
  down: "mlp.down_proj.weight",
  mlpOutputNorm: "post_mlp_layernorm.weight",
  router: "self_attn.mask_allocator.",
  expertRouter: "mlp.gate.weight",
  expertGate: "mlp.experts.{expert}.gate_proj.weight",
  expertUp: "mlp.experts.{expert}.up_proj.weight",
  expertGateUp: "mlp.experts.gate_up_proj",
  expertDown: "mlp.experts.{expert}.down_proj.weight",
};

/** Tensor names of transformers' decoder models, with what a family names differently within a layer. */
export function huggingFaceNames(
  own: Partial<Record<LayerRole, string>> = {},
): (role: WeightRole, layer: number, expert?: number) => string {
  const names = { ...layerNames, ...own };
  return (role, layer, expert) => {
    switch (role) {
      case "embedding":
        return "model.embed_tokens.weight";
      case "finalNorm":
        return "model.norm.weight";
      case "output":
        return "lm_head.weight";
      default:
        return `model.layers.${layer}.${names[role].replace("{expert}", String(expert))}`;
    }
  };
}

/** Tensor names that Llama and Qwen checkpoints share. */
export const huggingFaceWeightName = huggingFaceNames();

/** Norms before and after both parts, as Gemma names them; those after them as OLMo 2 and EXAONE 4 do. */
export const feedForwardNormNames = {
  attentionOutputNorm: "post_attention_layernorm.weight",
  mlpNorm: "pre_feedforward_layernorm.weight",
  mlpOutputNorm: "post_feedforward_layernorm.weight",
} as const;
