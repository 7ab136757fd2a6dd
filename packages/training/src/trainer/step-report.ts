/** What one optimizer step did, over all ranks. */
export interface StepReport {
  /** From 1. */
  readonly step: number;
  readonly steps: number;
  /** Mean over the step's packs: next-token loss in nats, the sparsity term, their sum. */
  readonly languageModelLoss: number;
  readonly gateLoss: number;
  readonly loss: number;
  /** Mean share of sparse heads over all segments of the step. */
  readonly modelSparsity: number;
  /** For each task; segments it had, mean share of sparse heads (undefined without segments), target, multipliers. */
  readonly tasks: readonly TaskReport[];
  readonly temperature: number;
  /** Learning rate of the routers. */
  readonly learningRate: number;
  /** Before clipping. */
  readonly gradientNorm: number;
  readonly tokens: number;
  readonly seconds: number;
  readonly tokensPerSecond: number;
  /** Expected from this run's own steps. */
  readonly secondsLeft: number;
  /** Examples left out so far because of their length. */
  readonly skipped: number;
}

export interface TaskReport {
  readonly name: string;
  readonly segments: number;
  readonly sparsity: number | undefined;
  readonly target: number;
  readonly linear: number;
  readonly quadratic: number;
}
