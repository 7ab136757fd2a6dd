import { TrainingConfigError } from "@elastic-attention/core";
import type { FloatArray } from "@elastic-attention/tensor";
import type { GateLoss } from "@elastic-attention/transformer";
import { counterUniform } from "../relaxation/counter-noise.js";
import { floatsLike } from "../relaxation/relaxation.js";
import type { TrainingTask } from "./training-task.js";

export interface SparsityObjectiveOptions {
  readonly tasks: readonly TrainingTask[];
  /**
   * "absolute" (default, the published code): λ₁|d| + λ₂d². "signed" (equation 8): λ₁d + λ₂d². d is the share of
   * sparse heads minus the target.
   */
  readonly form?: "absolute" | "signed";
  /** Half width of a band around the target in which d counts as 0; default 0, no band. */
  readonly band?: number;
  /** The target grows linearly from `start` over the first `share` of the steps; default: from the first step. */
  readonly warmUp?: { readonly start: number; readonly share: number };
  /** Range of the initial multipliers of tasks without their own, drawn uniformly; default 0 to 0.5. */
  readonly initial?: readonly [low: number, high: number];
  /** Limits of both multipliers; default none (reference semantics 6.3). */
  readonly multiplierBounds?: readonly [low: number, high: number];
  readonly seed: number;
}

/** The sparsity term of one pack. */
export interface SparsityLoss extends GateLoss {
  /** Share of sparse heads of each segment. */
  readonly sparsity: readonly number[];
  /** For gradient ascent: how the loss grows with each multiplier, [tasks]. */
  readonly multiplierGradients: { readonly linear: Float32Array; readonly quadratic: Float32Array };
}

/**
 * The Lagrangian of equation 8, one pair of multipliers for each task (reference semantics 6.1): for each segment
 * λ₁|d| + λ₂d², averaged over the segments of a task, then over the tasks that are in the pack, so that a task with many
 * short segments weighs as much as one with a single long one.
 */
export class SparsityObjective {
  /** λ₁ and λ₂, [tasks]; trained in place by the optimizer. */
  readonly linear: Float32Array;
  readonly quadratic: Float32Array;

  constructor(readonly options: SparsityObjectiveOptions) {
    const { tasks, initial = [0, 0.5], seed, band = 0, multiplierBounds } = options;
    for (const { name, target } of tasks) {
      if (!(target >= 0 && target <= 1)) throw new TrainingConfigError(`The target of "${name}" must be between 0 and 1, found ${target}.`);
    }
    if (!(band >= 0 && band < 1)) throw new TrainingConfigError(`The band must be from 0 to below 1, found ${band}.`);
    if (multiplierBounds !== undefined && !(multiplierBounds[0] <= multiplierBounds[1])) {
      throw new TrainingConfigError(`The multiplier bounds [${multiplierBounds.join(", ")}] are not in order.`);
    }
    const draw = (which: number) =>
      Float32Array.from(tasks, (task, index) => {
        const [low, high] = task.initial ?? initial;
        return low + (high - low) * counterUniform(seed, 0x6c61, which, index);
      });
    this.linear = draw(0);
    this.quadratic = draw(1);
    this.clampMultipliers();
  }

  /** Target of a task at `progress` (0 to 1) of the training. */
  target(task: number, progress: number): number {
    const { tasks, warmUp } = this.options;
    const end = tasks[task]!.target;
    if (warmUp === undefined || progress >= warmUp.share) return end;
    return warmUp.start + (end - warmUp.start) * (progress / warmUp.share);
  }

  /** Call after every change of the multipliers. */
  clampMultipliers(): void {
    const bounds = this.options.multiplierBounds;
    if (bounds === undefined) return;
    for (const values of [this.linear, this.quadratic]) {
      for (const [task, value] of values.entries()) values[task] = Math.min(bounds[1], Math.max(bounds[0], value));
    }
  }

  /**
   * @param gates one for each layer, [segments * kvHeads], 1 for retrieval
   * @param taskIds task of each segment
   */
  evaluate(gates: readonly FloatArray[], taskIds: readonly number[], progress: number): SparsityLoss {
    const segments = taskIds.length;
    const heads = gates[0]!.length / segments;
    const total = heads * gates.length;
    const sparsity = taskIds.map((_, segment) => 1 - sum(gates, segment, heads) / total);
    const present = [...new Set(taskIds)];
    const linear = new Float32Array(this.linear.length);
    const quadratic = new Float32Array(this.quadratic.length);
    const slopes = new Float64Array(segments);
    let loss = 0;
    for (const task of present) {
      const own = taskIds.flatMap((id, segment) => (id === task ? [segment] : []));
      const weight = 1 / (own.length * present.length);
      for (const segment of own) {
        const d = this.#distance(sparsity[segment]! - this.target(task, progress));
        const absolute = (this.options.form ?? "absolute") === "absolute";
        const first = absolute ? Math.abs(d) : d;
        loss += weight * (this.linear[task]! * first + this.quadratic[task]! * d * d);
        linear[task]! += weight * first;
        quadratic[task]! += weight * d * d;
        const slope = this.linear[task]! * (absolute ? Math.sign(d) : d === 0 && this.#hasBand ? 0 : 1) + 2 * this.quadratic[task]! * d;
        // One gate more at 1 is one sparse head less.
        slopes[segment] = (-slope * weight) / total;
      }
    }
    const gradients = gates.map((layer) => {
      const gradient = floatsLike(layer, layer.length);
      for (let index = 0; index < layer.length; index++) gradient[index] = slopes[Math.floor(index / heads)]!;
      return gradient;
    });
    return { loss, gradients, sparsity, multiplierGradients: { linear, quadratic } };
  }

  get #hasBand(): boolean {
    return (this.options.band ?? 0) > 0;
  }

  /** Distance to the band around the target. */
  #distance(d: number): number {
    const band = this.options.band ?? 0;
    return Math.sign(d) * Math.max(0, Math.abs(d) - band);
  }
}

function sum(gates: readonly FloatArray[], segment: number, heads: number): number {
  let total = 0;
  for (const layer of gates) for (let head = 0; head < heads; head++) total += layer[segment * heads + head]!;
  return total;
}
