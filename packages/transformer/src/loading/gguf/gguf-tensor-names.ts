import type { GgufCheckpoint } from "@elastic-attention/tensor";
import { huggingFaceWeightName } from "../../model/huggingface-layout.js";
import type { WeightRole } from "../../model/model-adapter.js";
import type { GgufArchitecture } from "./gguf-architectures.js";
import type { GgufSizes } from "./gguf-config.js";
import { isOfExperts, layerNormRoles, layerRoles, layerTensorName, type LayerLayout, type LayerRole, separateExpertNames } from "./layer-layout.js";

/** A tensor under its name in transformers' layout; that of the first expert where there is one for each. */
export interface NamedTensor {
  readonly huggingFaceName: string;
  readonly ggufName: string;
  readonly role: WeightRole;
  /** Experts whose matrices are in it, one after the other. */
  readonly experts?: number;
}

/** What a model is made of, by the tensors that its file has. */
export interface TensorPlan {
  readonly tensors: readonly NamedTensor[];
  readonly tiedEmbeddings: boolean;
  /** Whether there are those biases of the attention, and of the MLP, that a file may have or not. */
  readonly attentionBias: boolean;
  readonly mlpBias: boolean;
}

/**
 * The tensors that a model of such sizes is made of; where a file may have some or not, those that it has.
 * @throws GgufMetadataError where the file claims more than it has tensors for
 */
export function planTensors({ name, layout }: GgufArchitecture, checkpoint: GgufCheckpoint, { numLayers, numExperts }: Pick<GgufSizes, "numLayers" | "numExperts">): TensorPlan {
  const numTensors = [...checkpoint.names].length;
  if (numLayers > numTensors) throw checkpoint.metadata.error(`${name}.block_count`, "must not be above the number of tensors");
  const tiedEmbeddings = !checkpoint.has("output.weight");
  const hasBias = (kind: "attentionBias" | "mlpBias") =>
    layout[kind]?.presence === "always" || layout[kind]?.roles.some((role) => checkpoint.has(`blk.0.${layerTensorName(layout, role)}.bias`)) === true;
  const [attentionBias, mlpBias] = [hasBias("attentionBias"), hasBias("mlpBias")];
  const biased = new Set<LayerRole>([
    ...(attentionBias ? layout.attentionBias!.roles : []),
    ...(mlpBias ? layout.mlpBias!.roles : []),
    ...(layout.normBias === true ? layerNormRoles(layout) : []),
  ]);
  const tensors: NamedTensor[] = [
    named("embedding", 0, "token_embd.weight"),
    ...withBias(named("finalNorm", 0, "output_norm.weight"), layout.normBias === true),
    ...(tiedEmbeddings ? [] : [named("output", 0, "output.weight")]),
  ];
  const isSeparate = layout.experts === true && checkpoint.has(`blk.0.${separateExpertNames.expertGate!.replace("{expert}", "0")}.weight`);
  if (isSeparate && numLayers * numExperts > numTensors) throw checkpoint.metadata.error(`${name}.expert_count`, "must not be above the number of tensors");
  for (let layer = 0; layer < numLayers; layer++) {
    for (const role of layerRoles(layout)) {
      for (const tensor of isOfExperts(role) ? expertTensors(layout, role, layer, numExperts, isSeparate) : [named(role, layer, `blk.${layer}.${layerTensorName(layout, role)}.weight`)]) {
        tensors.push(...withBias(tensor, biased.has(role)));
      }
    }
  }
  return { tensors, tiedEmbeddings, attentionBias, mlpBias };
}

/** The matrices of all experts in one tensor, or each in its own. */
function expertTensors(layout: LayerLayout, role: LayerRole, layer: number, numExperts: number, isSeparate: boolean): readonly NamedTensor[] {
  if (!isSeparate) return [{ ...named(role, layer, `blk.${layer}.${layerTensorName(layout, role)}.weight`, 0), experts: numExperts }];
  const name = separateExpertNames[role]!;
  return Array.from({ length: numExperts }, (_, expert) => named(role, layer, `blk.${layer}.${name.replace("{expert}", String(expert))}.weight`, expert));
}

function named(role: WeightRole, layer: number, ggufName: string, expert?: number): NamedTensor {
  return { role, ggufName, huggingFaceName: huggingFaceWeightName(role, layer, expert) };
}

function withBias(tensor: NamedTensor, hasBias: boolean): readonly NamedTensor[] {
  if (!hasBias) return [tensor];
  return [tensor, { ...tensor, huggingFaceName: biasName(tensor.huggingFaceName), ggufName: biasName(tensor.ggufName) }];
}

function biasName(weightName: string): string {
  return weightName.replace(/\.weight$/, ".bias");
}
