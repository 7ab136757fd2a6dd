import { type GenerationDefaults, noDefaults } from "../defaults/generation-defaults.js";
import { checkSampling, type CheckedSampling, engineSampling } from "../sampling/checked-sampling.js";
import type { GenerationRequest } from "./generation-request.js";

/** New tokens where neither a request nor the model says how many. */
export const defaultMaxNewTokens = 512;

/** Where a setting comes from: the request, the model's generation_config.json, or the engine. */
export type SettingOrigin = "request" | "model" | "engine";

/** What an answer is drawn with, and where each setting comes from. */
export interface GenerationSettings extends Required<CheckedSampling> {
  readonly maxNewTokens: number;
  /** Tokens of prompt and answer together, where only the model says how long an answer may be, and says it so. */
  readonly maxLength?: number;
  readonly stop: readonly string[];
  readonly origins: Readonly<Record<Exclude<keyof GenerationSettings, "origins" | "maxLength">, SettingOrigin>>;
}

type SettingRequest = Pick<GenerationRequest, "sampling" | "maxNewTokens" | "defaultNewTokens" | "stop" | "defaults">;

/**
 * The settings of a request: its own, else the model's, else the engine's. A seed that nobody gave is drawn.
 *
 * @throws InvalidRequestError for values out of range
 */
export function resolveSettings(request: SettingRequest, model: GenerationDefaults): GenerationSettings {
  const defaults = request.defaults === "none" ? noDefaults : model;
  const { sampling = {} } = request;
  const checked = checkSampling(sampling, defaults.sampling);
  const { maxNewTokens, defaultNewTokens } = request;
  const origin = (own: unknown, ofModel: unknown): SettingOrigin => (own !== undefined ? "request" : ofModel !== undefined ? "model" : "engine");
  const names = Object.keys(engineSampling) as readonly (keyof typeof engineSampling)[];
  const origins = Object.fromEntries(names.map((name) => [name, origin(sampling[name], defaults.sampling[name])])) as Record<keyof typeof engineSampling, SettingOrigin>;
  return {
    ...checked,
    seed: checked.seed ?? Math.floor(Math.random() * 2 ** 32),
    ...((maxNewTokens ?? defaultNewTokens) === undefined && defaults.maxLength !== undefined ? { maxLength: defaults.maxLength } : {}),
    maxNewTokens: maxNewTokens ?? defaultNewTokens ?? defaults.maxNewTokens ?? defaultMaxNewTokens,
    stop: request.stop ?? defaults.stop ?? [],
    origins: {
      ...origins,
      seed: origin(sampling.seed, undefined),
      maxNewTokens: origin(maxNewTokens ?? defaultNewTokens, defaults.maxNewTokens ?? defaults.maxLength),
      stop: origin(request.stop, defaults.stop),
    },
  };
}
