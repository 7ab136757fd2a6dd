/** Linear warm-up, then half a cosine. */
export interface LearningRateSchedule {
  /** Share of the steps that warm up; default 0.2. */
  readonly warmUp?: number;
  /** Factor that the cosine ends at; default 1e-7. */
  readonly minimum?: number;
}

/**
 * Factor of the learning rates in step `step` (from 0) of `steps`. The warm-up begins above 0, so that no step is
 * wasted, and ends at 1 (the published code begins at 0).
 */
export function learningRateFactor({ warmUp = 0.2, minimum = 1e-7 }: LearningRateSchedule, step: number, steps: number): number {
  const warmUpSteps = Math.ceil(warmUp * steps);
  if (step < warmUpSteps) return (step + 1) / warmUpSteps;
  const progress = (step - warmUpSteps) / Math.max(1, steps - warmUpSteps);
  return minimum + (1 - minimum) * 0.5 * (1 + Math.cos(Math.PI * progress));
}
