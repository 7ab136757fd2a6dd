import type { AttentionMode } from "@elastic-attention/attention";
import type { RouterWeights } from "@elastic-attention/router";
import type { FloatArray } from "@elastic-attention/tensor";

/** Examples of one training step, packed one after another into rows; attention and positions restart in each. */
export interface TrainingPack {
  /** [rows]: token ids. */
  readonly tokens: Int32Array;
  /** Segment i is rows offsets[i] to offsets[i + 1]; none is empty. */
  readonly offsets: readonly number[];
  /** [rows]: the token that should follow each row; a negative one leaves the row out of the loss. */
  readonly targets: Int32Array;
  /** For each segment the rows [start, end) whose keys the router averages, counted in the whole pack. */
  readonly pooledRanges: readonly (readonly (readonly [start: number, end: number])[])[];
}

/**
 * The gates that a relaxation chose from one layer's router logits, and the way back through it. A router decides about every
 * key-value head of a segment, or once about all of them.
 */
export interface GateDecision {
  /** [segments · decisions]: 1 = retrieval mode, 0 = sparse mode; the value that the forward pass uses. */
  readonly gates: FloatArray;
  /**
   * From the gradient of the gates [segments · decisions] to the gradient of the router's logits [segments · decisions ·
   * classes]. Called once, after the forward pass.
   */
  backward(gateGradients: FloatArray): FloatArray;
}

/** The gates' own term of the objective (the Lagrangian penalty on sparsity) and its gradient. */
export interface GateLoss {
  readonly loss: number;
  /** For each router [segments · kvHeads]. */
  readonly gradients: readonly FloatArray[];
}

export interface TrainingStepOptions {
  readonly pack: TrainingPack;
  /** One for each layer that sees the whole context (`routedLayers`), f32, on the model's backend. */
  readonly routers: readonly RouterWeights[];
  /** Mode of heads whose gate is 1. */
  readonly retrievalMode: AttentionMode;
  /** Mode of heads whose gate is 0. */
  readonly sparseMode: AttentionMode;
  /**
   * The relaxation: gates from router logits [segments · decisions · classes]. Asked once for each router, by its number, in
   * order; a layer that is computed again uses the decision of its first forward pass.
   */
  decide(router: number, logits: FloatArray): GateDecision;
  /** Asked once, after the forward pass, with the gates of all routers. */
  gateLoss(gates: readonly FloatArray[]): GateLoss;
  /**
   * What the rows with a target are judged by. "next-token" (default): cross-entropy. "hidden-states" (DuoAttention's
   * distillation): squared distance of the final hidden states to those with every head in the retrieval mode.
   */
  readonly loss?: "next-token" | "hidden-states";
  /** Keep only each layer's input and compute the rest again on the way back. Default true. */
  readonly checkpointing?: boolean;
  /**
   * Memory for outputs of the attention that are kept rather than computed again, with checkpoints, for as many layers as
   * it suffices. Default: 80% of what the device has left beside the step.
   */
  readonly attentionMemoryBytes?: number;
  /** The same bits in every run also where a faster kernel adds in the order in which results come. Default false. */
  readonly deterministic?: boolean;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

export interface TrainingStepResult {
  /** Mean over the rows with a target: cross-entropy in nats, or the distance that `loss` names. */
  readonly languageModelLoss: number;
  readonly gateLoss: number;
  /** For each router [segments · kvHeads]. */
  readonly gates: readonly FloatArray[];
  /**
   * For each router the gradient of languageModelLoss + gateLoss with respect to the router's parameters, one after
   * another: weight and bias of the two linear layers of the task MLP, then of the three of the router MLP.
   */
  readonly routerGradients: readonly FloatArray[];
}
