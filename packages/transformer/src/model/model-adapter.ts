import { ModelConfigError } from "@elastic-attention/core";
import type { ModelConfig } from "./model-config.js";
import type { ModelSpec } from "./model-spec.js";

/** What a weight does in the decoder. */
export type WeightRole =
  | "embedding"
  | "finalNorm"
  | "output"
  | "attentionNorm"
  | "query"
  | "key"
  | "value"
  | FusedRole
  | "attentionOutput"
  | "attentionOutputNorm"
  | "queryNorm"
  | "keyNorm"
  | "sinks"
  | "mlpNorm"
  | "gate"
  | "up"
  | "down"
  | "mlpOutputNorm"
  | "router"
  | ExpertRole;

/** Matrices that a checkpoint keeps as one tensor, their outputs one after another: query, key, value; gate, up. */
export type FusedRole = "queryKeyValue" | "gateUp";

/** What scores the experts, and the weights of one expert or, where a checkpoint keeps them in one tensor, of all. */
export type ExpertRole = "expertRouter" | "expertGate" | "expertUp" | "expertGateUp" | "expertDown";

/** Connects a checkpoint format to the decoder. Add a model by registering one of these. */
export interface ModelAdapter {
  readonly name: string;
  /** Values of config.json's `architectures` that it reads, for error messages. */
  readonly architectures: readonly string[];
  matches(config: ModelConfig): boolean;
  /** @throws ModelConfigError */
  spec(config: ModelConfig): ModelSpec;
  /** Matrices that its checkpoints keep as one tensor. Default none. */
  readonly fused?: readonly FusedRole[];
  /**
   * How its checkpoints keep experts: each matrix as a tensor of its own (the default), or those of all experts in one, inputs
   * first, with alternating rows of gate and up, whose biases end in `_bias`; MXFP4 in `_blocks` and `_scales` (gpt-oss).
   */
  readonly expertLayout?: "each" | "joined";
  /**
   * Name of a weight's tensor (its bias ends in `.bias` instead of `.weight`); for "router" the prefix of its tensors.
   *
   * @param expert for the role of an expert whose weights have tensors of their own
   */
  weightName(role: WeightRole, layer: number, expert?: number): string;
}

const adapters: ModelAdapter[] = [];

/** Makes an adapter known; the one registered last is asked first. */
export function registerModelAdapter(adapter: ModelAdapter): void {
  if (!adapters.includes(adapter)) adapters.unshift(adapter);
}

/** The adapter for a config. @throws ModelConfigError naming the architecture and what is supported. */
export function findModelAdapter(config: ModelConfig): ModelAdapter {
  const adapter = adapters.find((candidate) => candidate.matches(config));
  if (adapter === undefined) {
    const known = adapters.flatMap((candidate) => candidate.architectures).join(", ") || "none";
    throw new ModelConfigError(
      `Architecture "${config.architecture}" is not supported; supported: ${known}.`,
      "Register an adapter with registerModelAdapter(): the contributing guide shows how.",
    );
  }
  return adapter;
}

/** The registered adapters, the one asked first in front. */
export function registeredModelAdapters(): readonly ModelAdapter[] {
  return [...adapters];
}
