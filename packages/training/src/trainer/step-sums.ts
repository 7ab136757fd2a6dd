import type { Communicator } from "@elastic-attention/distributed";
import type { FloatArray } from "@elastic-attention/tensor";
import type { SparsityObjective } from "../objective/sparsity-objective.js";
import type { StepReport } from "./step-report.js";

/** What one pack adds. */
export interface PackContribution {
  readonly languageModelLoss: number;
  readonly gateLoss: number;
  readonly tokens: number;
  readonly taskIds: readonly number[];
  /** Share of sparse heads of each segment. */
  readonly sparsity: readonly number[];
  /** Shaped like the trained arrays. */
  readonly gradients: readonly FloatArray[];
}

/**
 * Sums over the packs of one optimizer step, first of this rank, then of all. Gradients are float32 numbers added up in
 * float64: what such a sum loses lies below the rounding of its mean to float32, so any sharing of the packs among ranks
 * gives the same means.
 */
export class StepSums {
  /** Views of one array, so that all ranks' gradients meet in one call. */
  readonly #gradients: readonly Float64Array[];
  readonly #flat: Float64Array;
  /** Loss, sparsity term, tokens, packs; then for each task its segments and their summed sparsity. */
  readonly #numbers: Float64Array;

  constructor(shapes: readonly Float32Array[], numTasks: number) {
    this.#flat = new Float64Array(shapes.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    this.#gradients = shapes.map(({ length }) => this.#flat.subarray(at, (at += length)));
    this.#numbers = new Float64Array(4 + 2 * numTasks);
  }

  get tokens(): number {
    return this.#numbers[2]!;
  }

  get isFinite(): boolean {
    return this.#numbers.every(Number.isFinite) && this.#flat.every(Number.isFinite);
  }

  add({ languageModelLoss, gateLoss, tokens, taskIds, sparsity, gradients }: PackContribution): void {
    const numbers = this.#numbers;
    numbers[0]! += languageModelLoss;
    numbers[1]! += gateLoss;
    numbers[2]! += tokens;
    numbers[3]! += 1;
    for (const [segment, task] of taskIds.entries()) {
      numbers[4 + 2 * task]! += 1;
      numbers[5 + 2 * task]! += sparsity[segment]!;
    }
    for (const [index, gradient] of gradients.entries()) {
      const sum = this.#gradients[index]!;
      for (let i = 0; i < sum.length; i++) sum[i]! += gradient[i]!;
    }
  }

  async reduce(communicator: Communicator): Promise<void> {
    await communicator.allReduceSum(this.#flat);
    await communicator.allReduceSum(this.#numbers);
  }

  /** Means of the gradients over the packs, shaped like the trained arrays. */
  meanGradients(): Float32Array[] {
    const packs = this.#numbers[3]!;
    return this.#gradients.map((sum) => Float32Array.from(sum, (value) => value / packs));
  }

  /** The part of a report that packs decide; targets as they were at `progress`. */
  report(
    objective: SparsityObjective,
    progress: number,
  ): Pick<StepReport, "languageModelLoss" | "gateLoss" | "loss" | "modelSparsity" | "tasks" | "tokens"> {
    const numbers = this.#numbers;
    const packs = numbers[3]!;
    const tasks = objective.options.tasks.map(({ name }, task) => {
      const segments = numbers[4 + 2 * task]!;
      const sparsity = segments > 0 ? numbers[5 + 2 * task]! / segments : undefined;
      const [linear, quadratic] = [objective.linear[task]!, objective.quadratic[task]!];
      return { name, segments, sparsity, target: objective.target(task, progress), linear, quadratic };
    });
    const segments = tasks.reduce((sum, task) => sum + task.segments, 0);
    const sparse = tasks.reduce((sum, task) => sum + task.segments * (task.sparsity ?? 0), 0);
    const [languageModelLoss, gateLoss] = [numbers[0]! / packs, numbers[1]! / packs];
    return { languageModelLoss, gateLoss, loss: languageModelLoss + gateLoss, modelSparsity: sparse / segments, tasks, tokens: numbers[2]! };
  }
}
