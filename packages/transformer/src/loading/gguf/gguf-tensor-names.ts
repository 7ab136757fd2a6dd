import type { Checkpoint } from "@elastic-attention/tensor";
import { huggingFaceWeightName } from "../../model/huggingface-layout.js";
import type { WeightRole } from "../../model/model-adapter.js";
import type { GgufArchitecture } from "./gguf-architectures.js";

/** The weights that layers of the architectures have that are read from such files. */
type LayerRole = Extract<
  WeightRole,
  "attentionNorm" | "query" | "key" | "value" | "attentionOutput" | "queryNorm" | "keyNorm" | "mlpNorm" | "gate" | "up" | "down"
>;

/** A layer's tensors in GGUF, behind `blk.N.` and before `.weight` or `.bias`. */
const layerNames: Record<LayerRole, string> = {
  attentionNorm: "attn_norm",
  query: "attn_q",
  key: "attn_k",
  value: "attn_v",
  attentionOutput: "attn_output",
  queryNorm: "attn_q_norm",
  keyNorm: "attn_k_norm",
  mlpNorm: "ffn_norm",
  gate: "ffn_gate",
  up: "ffn_up",
  down: "ffn_down",
};

const [attentionRoles, mlpRoles] = [["query", "key", "value"], ["gate", "up", "down"]] as const;

/** A tensor under its name in transformers' layout. */
export interface NamedTensor {
  readonly huggingFaceName: string;
  readonly ggufName: string;
  readonly role: WeightRole;
}

/** What a model is made of, by the tensors that its file has. */
export interface TensorPlan {
  readonly tensors: readonly NamedTensor[];
  readonly tiedEmbeddings: boolean;
  /** Query, key, value and output projections have biases. */
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
}

/** The tensors that a model of so many layers is made of; where a file may have some or not, those that it has. */
export function planTensors(architecture: GgufArchitecture, checkpoint: Checkpoint, numLayers: number): TensorPlan {
  const tiedEmbeddings = !checkpoint.has("output.weight");
  const hasBias = (role: LayerRole) => checkpoint.has(`blk.0.${layerNames[role]}.bias`);
  const attentionBias = architecture.biases.queryKeyValue === "with-output" && (hasBias("attentionOutput") || attentionRoles.some(hasBias));
  const mlpBias = architecture.biases.mlp === "optional" && mlpRoles.some(hasBias);
  const biased = new Set<LayerRole>([
    ...(attentionBias || architecture.biases.queryKeyValue === "always" ? attentionRoles : []),
    ...(attentionBias ? (["attentionOutput"] as const) : []),
    ...(mlpBias ? mlpRoles : []),
  ]);
  const weights: readonly LayerRole[] = [
    "attentionNorm", ...attentionRoles, "attentionOutput", "mlpNorm", ...mlpRoles, ...(architecture.queryKeyNorm ? (["queryNorm", "keyNorm"] as const) : []),
  ];
  const tensors: NamedTensor[] = [
    named("embedding", 0, "token_embd.weight"),
    named("finalNorm", 0, "output_norm.weight"),
    ...(tiedEmbeddings ? [] : [named("output", 0, "output.weight")]),
  ];
  for (let layer = 0; layer < numLayers; layer++) {
    for (const role of weights) {
      const tensor = named(role, layer, `blk.${layer}.${layerNames[role]}.weight`);
      tensors.push(tensor);
      if (biased.has(role)) tensors.push({ role, huggingFaceName: biasName(tensor.huggingFaceName), ggufName: biasName(tensor.ggufName) });
    }
  }
  return { tensors, tiedEmbeddings, attentionBias, mlpBias };
}

function named(role: WeightRole, layer: number, ggufName: string): NamedTensor {
  return { role, ggufName, huggingFaceName: huggingFaceWeightName(role, layer) };
}

function biasName(weightName: string): string {
  return weightName.replace(/\.weight$/, ".bias");
}
