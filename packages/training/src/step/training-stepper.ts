import type { AttentionMode } from "@elastic-attention/attention";
import type { RouterWeights } from "@elastic-attention/router";

/** float32 in training, float64 where gradients are checked. */
export type FloatArray = Float32Array | Float64Array;

/** Sequences laid one after another for one forward and backward pass. */
export interface TrainingPack {
  /** Token ids of all segments. */
  readonly tokens: Int32Array;
  /** Segment i is rows offsets[i] to offsets[i + 1]. */
  readonly offsets: readonly number[];
  /** The next token of each row; negative: the row counts for no loss. */
  readonly targets: Int32Array;
  /** For each segment the row ranges [start, end), counted in the pack, that its routers average. */
  readonly pooledRanges: readonly (readonly (readonly [number, number])[])[];
}

/** What a relaxation made of one layer's router logits: the gates, and the way back to the logits. */
export interface GateDecision {
  /** [segments * kvHeads]: 1 is the retrieval mode, 0 the sparse mode. */
  readonly gates: FloatArray;
  /** Gradient of the gates to the gradient of the router logits [segments * kvHeads * classes]. */
  backward(gateGradients: FloatArray): FloatArray;
}

/** A loss on the gates of all layers, and its gradient for each gate. */
export interface GateLoss {
  readonly loss: number;
  /** One for each layer, [segments * kvHeads]. */
  readonly gradients: readonly FloatArray[];
}

export interface TrainingStepOptions {
  readonly pack: TrainingPack;
  /** One for each layer. */
  readonly routers: readonly RouterWeights[];
  readonly retrievalMode: AttentionMode;
  readonly sparseMode: AttentionMode;
  /** The relaxation; called once for each layer, in order. */
  decide(layer: number, logits: FloatArray): GateDecision;
  /** The sparsity term; called once, with the gates of every layer. */
  gateLoss(gates: readonly FloatArray[]): GateLoss;
  /** Keep only layer inputs and compute the rest again on the way back. */
  readonly checkpointing?: boolean;
  readonly signal?: AbortSignal;
}

export interface TrainingStepResult {
  /** Mean next-token cross-entropy over the pack's rows that have a target, in nats. */
  readonly languageModelLoss: number;
  readonly gateLoss: number;
  /** One for each layer, [segments * kvHeads]. */
  readonly gates: readonly FloatArray[];
  /** One for each layer: gradients of languageModelLoss + gateLoss, flat in the order of the router's tensors. */
  readonly routerGradients: readonly FloatArray[];
}

/** A frozen model that gives the gradients of its routers for one pack. */
export interface TrainingStepper {
  step(options: TrainingStepOptions): Promise<TrainingStepResult>;
}
