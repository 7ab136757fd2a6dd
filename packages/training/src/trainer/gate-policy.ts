import type { RouterWeights } from "@elastic-attention/router";
import type { FloatArray } from "@elastic-attention/tensor";
import type { GateDecision, TrainingStepResult } from "@elastic-attention/transformer";
import type { NoisePlace } from "../relaxation/relaxation.js";

/** What is trained to decide the gates: learned routers, or static gates of a baseline. */
export interface GatePolicy extends Disposable {
  /** Names the arrays in checkpoints; a checkpoint of another policy is refused. */
  readonly name: string;
  /** Changed in place by the optimizer, f32. */
  readonly parameters: readonly Float32Array[];
  /** Routers on the model's backend: the policy's own, or stand-ins where it ignores the logits. */
  readonly routers: readonly RouterWeights[];
  /**
   * @param logits [segments * decisions * classes], a decision for each key-value head or for all of them
   * @param taskIds the task of each segment
   */
  decide(logits: FloatArray, place: NoisePlace, temperature: number, taskIds: readonly number[]): GateDecision;
  /** Gradients of one step, shaped like `parameters`; the caller reads them before the next step. */
  gradients(result: TrainingStepResult): readonly FloatArray[];
  /** The optimizer changed the parameters. */
  refresh(): void;
}
