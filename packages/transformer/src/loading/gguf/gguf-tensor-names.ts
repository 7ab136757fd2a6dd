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
  readonly layer: number;
  /** The one that it is of, or the first of several. */
  readonly expert?: number | undefined;
  readonly isBias: boolean;
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

/** Which of the tensors that a file may have or not are there. */
export type TensorPresence = Omit<TensorPlan, "tensors"> & {
  /** Whether each expert's matrices are tensors of their own, as in files of the first months. */
  readonly separateExperts: boolean;
};

/**
 * The tensors that a model of such sizes is made of; where a file may have some or not, those that it has.
 * @throws GgufMetadataError where the file claims more than it has tensors for
 */
export function planTensors({ name, layout }: GgufArchitecture, checkpoint: GgufCheckpoint, sizes: Pick<GgufSizes, "numLayers" | "numExperts">): TensorPlan {
  const { numLayers, numExperts } = sizes;
  const numTensors = [...checkpoint.names].length;
  if (numLayers > numTensors) throw checkpoint.metadata.error(`${name}.block_count`, "must not be above the number of tensors");
  const hasBias = (kind: "attentionBias" | "mlpBias") =>
    layout[kind]?.presence === "always" || layout[kind]?.roles.some((role) => checkpoint.has(`blk.0.${layerTensorName(layout, role)}.bias`)) === true;
  const separateExperts = layout.experts === true && checkpoint.has(`blk.0.${separateExpertNames.expertGate!.replace("{expert}", "0")}.weight`);
  if (separateExperts && numLayers * numExperts > numTensors) throw checkpoint.metadata.error(`${name}.expert_count`, "must not be above the number of tensors");
  const presence = { tiedEmbeddings: !checkpoint.has("output.weight"), attentionBias: hasBias("attentionBias"), mlpBias: hasBias("mlpBias"), separateExperts };
  return { ...presence, tensors: namedTensors(layout, presence, sizes) };
}

/** Every tensor of a model, under both names. */
export function namedTensors(layout: LayerLayout, presence: TensorPresence, { numLayers, numExperts }: Pick<GgufSizes, "numLayers" | "numExperts">): readonly NamedTensor[] {
  const biased = new Set<LayerRole>([
    ...(presence.attentionBias ? layout.attentionBias!.roles : []),
    ...(presence.mlpBias ? layout.mlpBias!.roles : []),
    ...(layout.normBias === true ? layerNormRoles(layout) : []),
  ]);
  const tensors: NamedTensor[] = [
    named("embedding", 0, "token_embd.weight"),
    ...withBias(named("finalNorm", 0, "output_norm.weight"), layout.normBias === true),
    ...(presence.tiedEmbeddings ? [] : [named("output", 0, "output.weight")]),
  ];
  for (let layer = 0; layer < numLayers; layer++) {
    for (const role of layerRoles(layout)) {
      const ofRole = isOfExperts(role) ? expertTensors(layout, role, layer, numExperts, presence.separateExperts) : [named(role, layer, `blk.${layer}.${layerTensorName(layout, role)}.weight`)];
      for (const tensor of ofRole) tensors.push(...withBias(tensor, biased.has(role)));
    }
  }
  return tensors;
}

/** The matrices of all experts in one tensor, or each in its own. */
function expertTensors(layout: LayerLayout, role: LayerRole, layer: number, numExperts: number, isSeparate: boolean): readonly NamedTensor[] {
  if (!isSeparate) return [{ ...named(role, layer, `blk.${layer}.${layerTensorName(layout, role)}.weight`, 0), experts: numExperts }];
  const name = separateExpertNames[role]!;
  return Array.from({ length: numExperts }, (_, expert) => named(role, layer, `blk.${layer}.${name.replace("{expert}", String(expert))}.weight`, expert));
}

function named(role: WeightRole, layer: number, ggufName: string, expert?: number): NamedTensor {
  return { role, layer, expert, isBias: false, ggufName, huggingFaceName: huggingFaceWeightName(role, layer, expert) };
}

function withBias(tensor: NamedTensor, hasBias: boolean): readonly NamedTensor[] {
  if (!hasBias) return [tensor];
  return [tensor, { ...tensor, isBias: true, huggingFaceName: biasName(tensor.huggingFaceName), ggufName: biasName(tensor.ggufName) }];
}

function biasName(weightName: string): string {
  return weightName.replace(/\.weight$/, ".bias");
}
