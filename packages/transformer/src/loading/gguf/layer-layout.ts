import type { FusedRole, WeightRole } from "../../model/model-adapter.js";

/** What a weight of a layer does. */
export type LayerRole = Exclude<WeightRole, "embedding" | "finalNorm" | "output" | "router" | "expertGateUp">;

/** Biases of some projections: in every file, or in all layers where the first has them. */
export interface BiasLayout {
  readonly roles: readonly LayerRole[];
  readonly presence: "always" | "optional";
}

/** Which tensors a layer of an architecture has in GGUF; what is left out is as in Llama. */
export interface LayerLayout {
  /** Where the parts have their norms; "parallel": one that both read. Default "before". */
  readonly norms?: "before" | "after" | "both" | "parallel";
  /** Norms with biases, and weights that a file keeps with the 1 added that the model's own checkpoint leaves out. */
  readonly normBias?: boolean;
  readonly gainIncludesOne?: boolean;
  readonly queryKeyNorm?: boolean;
  readonly sinks?: boolean;
  readonly fused?: readonly FusedRole[];
  /** Default true. */
  readonly gated?: boolean;
  readonly experts?: boolean;
  readonly attentionBias?: BiasLayout;
  readonly mlpBias?: BiasLayout;
  /** Names that differ from those of most architectures. */
  readonly names?: Partial<Record<LayerRole, string>>;
}

/** A layer's tensors in GGUF, behind `blk.N.` and before `.weight` or `.bias`. */
const layerNames: Record<LayerRole, string> = {
  attentionNorm: "attn_norm",
  query: "attn_q",
  key: "attn_k",
  value: "attn_v",
  queryKeyValue: "attn_qkv",
  attentionOutput: "attn_output",
  attentionOutputNorm: "post_attention_norm",
  queryNorm: "attn_q_norm",
  keyNorm: "attn_k_norm",
  sinks: "attn_sinks",
  mlpNorm: "ffn_norm",
  gate: "ffn_gate",
  up: "ffn_up",
  gateUp: "ffn_up",
  down: "ffn_down",
  mlpOutputNorm: "post_ffw_norm",
  expertRouter: "ffn_gate_inp",
  expertGate: "ffn_gate_exps",
  expertUp: "ffn_up_exps",
  expertDown: "ffn_down_exps",
};

/** How files of the first months with experts name the matrices of one of them. */
export const separateExpertNames: Partial<Record<LayerRole, string>> = {
  expertGate: "ffn_gate.{expert}",
  expertUp: "ffn_up.{expert}",
  expertDown: "ffn_down.{expert}",
};

export function layerTensorName(layout: LayerLayout, role: LayerRole): string {
  return layout.names?.[role] ?? layerNames[role];
}

const norms: Record<NonNullable<LayerLayout["norms"]>, readonly LayerRole[]> = {
  before: ["attentionNorm", "mlpNorm"],
  after: ["attentionOutputNorm", "mlpOutputNorm"],
  both: ["attentionNorm", "attentionOutputNorm", "mlpNorm", "mlpOutputNorm"],
  parallel: ["attentionNorm"],
};

const normRoles: ReadonlySet<WeightRole> = new Set<WeightRole>([...norms.both, "queryNorm", "keyNorm", "finalNorm"]);

/** Whether a weight is what a norm multiplies with. */
export function isNorm(role: WeightRole): boolean {
  return normRoles.has(role);
}

/** Whether a weight has a matrix for each expert. */
export function isOfExperts(role: WeightRole): boolean {
  return role === "expertGate" || role === "expertUp" || role === "expertDown";
}

/** The weights of a layer. */
export function layerRoles({ norms: places = "before", queryKeyNorm, sinks, fused = [], gated = true, experts }: LayerLayout): readonly LayerRole[] {
  const attention: readonly LayerRole[] = fused.includes("queryKeyValue") ? ["queryKeyValue"] : ["query", "key", "value"];
  const gate: readonly LayerRole[] = !gated ? ["up"] : fused.includes("gateUp") ? ["gateUp"] : ["gate", "up"];
  const mlp: readonly LayerRole[] = experts === true ? ["expertRouter", "expertGate", "expertUp", "expertDown"] : [...gate, "down"];
  const heads: readonly LayerRole[] = [...(queryKeyNorm === true ? (["queryNorm", "keyNorm"] as const) : []), ...(sinks === true ? (["sinks"] as const) : [])];
  return [...norms[places], ...attention, "attentionOutput", ...heads, ...mlp];
}

/** The norms of a layer, whose biases come with them where there are any. */
export function layerNormRoles({ norms: places = "before" }: LayerLayout): readonly LayerRole[] {
  return norms[places];
}
