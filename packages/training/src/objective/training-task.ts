/** A class of prompts with its own sparsity target. */
export interface TrainingTask {
  /** As rows name it in `metadata.task`. */
  readonly name: string;
  /** "sensitive": the answer needs all of the context; "robust": local context is mostly enough (paper section 4). */
  readonly kind: "sensitive" | "robust";
  /** Wanted share of sparse heads, 0 to 1. */
  readonly target: number;
  /** Range of this task's first multipliers; default: the objective's. A larger one holds the task closer to its target. */
  readonly initial?: readonly [low: number, high: number] | undefined;
}

/** The five classes of the paper with its targets, in the order of the published task ids. */
export const publishedTasks: readonly TrainingTask[] = [
  { name: "Single QA", kind: "sensitive", target: 0.7 },
  { name: "MultiHop QA", kind: "sensitive", target: 0.7 },
  { name: "Summarization", kind: "robust", target: 1 },
  { name: "Code", kind: "robust", target: 1 },
  { name: "In-Context Learning", kind: "robust", target: 1 },
];
