import { TrainingConfigError } from "@elastic-attention/core";

/**
 * Temperature of the relaxation over training.
 *
 * - `cosine` (default, as the published code): from `start` to `end` over the first `share` of the steps, then `end`.
 * - `exponential` (equation 14): max(end, start · exp(-rate · progress)), progress from 0 to 1.
 * - `constant`.
 */
export type TemperatureSchedule =
  | { readonly kind: "cosine"; readonly start: number; readonly end: number; readonly share: number }
  | { readonly kind: "exponential"; readonly start: number; readonly end: number; readonly rate: number }
  | { readonly kind: "constant"; readonly value: number };

/** 1.5 to 1.0 over 60% of the steps. */
export const publishedTemperature: TemperatureSchedule = { kind: "cosine", start: 1.5, end: 1, share: 0.6 };

/** Temperature of optimizer step `step` (from 0) of `steps`. @throws TrainingConfigError when it is not above 0 */
export function temperatureAt(schedule: TemperatureSchedule, step: number, steps: number): number {
  const value = scheduled(schedule, step, steps);
  if (!(value > 0 && value < Infinity)) throw new TrainingConfigError(`The temperature of step ${step} would be ${value}; it must be above 0.`);
  return value;
}

function scheduled(schedule: TemperatureSchedule, step: number, steps: number): number {
  switch (schedule.kind) {
    case "cosine": {
      const last = Math.ceil(schedule.share * steps);
      if (step >= last) return schedule.end;
      return schedule.end + ((schedule.start - schedule.end) / 2) * (1 + Math.cos((Math.PI * step) / last));
    }
    case "exponential":
      return Math.max(schedule.end, schedule.start * Math.exp((-schedule.rate * step) / steps));
    case "constant":
      return schedule.value;
  }
}
