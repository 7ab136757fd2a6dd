import { InvalidRequestError } from "@elastic-attention/core";
import type { SamplingParameters } from "../request/generation-request.js";

/** Sampling parameters with every default filled in but the seed's. */
export type CheckedSampling = Required<Omit<SamplingParameters, "seed">> & Pick<SamplingParameters, "seed">;

/** What counts where neither a request nor the model says anything: greedy. */
export const engineSampling: Required<Omit<SamplingParameters, "seed">> = { temperature: 0, topK: 0, topP: 1, minP: 0, repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0 };

/**
 * @param defaults what counts where the parameters say nothing, before {@link engineSampling}
 * @throws InvalidRequestError for values out of range, naming the parameter
 */
export function checkSampling(parameters: SamplingParameters = {}, defaults: Omit<SamplingParameters, "seed"> = {}): CheckedSampling {
  const of = (name: keyof typeof engineSampling): number => parameters[name] ?? defaults[name] ?? engineSampling[name];
  const [temperature, topK, topP, minP, repetitionPenalty] = [of("temperature"), of("topK"), of("topP"), of("minP"), of("repetitionPenalty")];
  const [presencePenalty, frequencyPenalty] = [of("presencePenalty"), of("frequencyPenalty")];
  const { seed } = parameters;
  requireRange("temperature", temperature, temperature >= 0, "0 or more");
  requireRange("topK", topK, Number.isInteger(topK) && topK >= 0, "a whole number, 0 or more");
  requireRange("topP", topP, topP > 0 && topP <= 1, "above 0, at most 1");
  requireRange("minP", minP, minP >= 0 && minP <= 1, "between 0 and 1");
  requireRange("repetitionPenalty", repetitionPenalty, repetitionPenalty > 0, "above 0");
  requireRange("presencePenalty", presencePenalty, Math.abs(presencePenalty) <= 2, "between -2 and 2");
  requireRange("frequencyPenalty", frequencyPenalty, Math.abs(frequencyPenalty) <= 2, "between -2 and 2");
  if (seed !== undefined) requireRange("seed", seed, Number.isSafeInteger(seed), "a whole number");
  return { temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty, ...(seed === undefined ? {} : { seed }) };
}

function requireRange(name: string, value: number, valid: boolean, expected: string): void {
  if (typeof value !== "number" || !valid) throw new InvalidRequestError(`${name} must be ${expected}, found ${String(value)}.`);
}
