import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decodeText, ModelConfigError } from "@elastic-attention/core";
import { ModelConfig } from "@elastic-attention/transformer";
import { checkSampling } from "../sampling/checked-sampling.js";
import { type GenerationDefaults, noDefaults } from "./generation-defaults.js";
import { unsupportedSettings } from "./unsupported-settings.js";

export const generationConfigName = "generation_config.json";
/** What transformers keeps when a file asks for sampling and does not say how many tokens. */
const usualTopK = 50;

/** What a model's folder says of answers besides config.json. */
export interface GenerationConfig {
  readonly defaults: GenerationDefaults;
  /** Ids at which an answer ends. */
  readonly endOfTextIds: readonly number[];
}

/**
 * Reads generation_config.json as transformers does: without `do_sample` answers are greedy whatever the temperature, and
 * `do_sample` keeps the 50 most likely tokens unless `top_k` says otherwise.
 *
 * @returns nothing to follow where the folder has no such file
 * @throws ModelConfigError for a file that is no JSON object, and for values out of range, by name
 */
export function readGenerationConfig(directory: string): GenerationConfig {
  const path = join(directory, generationConfigName);
  const values = readValues(path);
  if (values === undefined) return { defaults: noDefaults, endOfTextIds: [] };
  const config = new ModelConfig(values, path);
  return { defaults: readDefaults(values, config, path), endOfTextIds: config.tokenIds("eos_token_id") };
}

function readDefaults(values: Readonly<Record<string, unknown>>, config: ModelConfig, path: string): GenerationDefaults {
  const given = <Value>(key: string, read: (key: string) => Value) => (config.has(key) ? read(key) : undefined);
  const number = (key: string) => given(key, (name) => config.number(name));
  const samples = config.boolean("do_sample", false);
  const sampling = {
    temperature: samples ? number("temperature") ?? 1 : config.has("do_sample") ? 0 : undefined,
    // 0 and -1 are how other programs say "all of them".
    topK: noneBelowOne(number("top_k")) ?? (samples ? usualTopK : undefined),
    topP: number("top_p"),
    minP: number("min_p"),
    repetitionPenalty: number("repetition_penalty"),
  };
  const defaults = {
    sampling: withoutUndefined(sampling),
    ...withoutUndefined({ ...readLength(config), stop: readStop(values["stop_strings"], config) }),
    source: generationConfigName,
    unsupported: unsupportedSettings(values),
  };
  try {
    checkSampling(defaults.sampling);
  } catch (error) {
    throw new ModelConfigError(`${path}: ${(error as Error).message}`, "Correct the file, or delete it.");
  }
  return defaults;
}

/** Where a file says both, transformers follows the number of new tokens. */
function readLength(config: ModelConfig): { maxNewTokens?: number; maxLength?: number } {
  if (config.has("max_new_tokens")) return { maxNewTokens: config.count("max_new_tokens") };
  return config.has("max_length") ? { maxLength: config.count("max_length") } : {};
}

function readStop(value: unknown, config: ModelConfig): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!texts.every((text) => typeof text === "string" && text !== "")) throw config.error("stop_strings", "a text or a list of texts that are not empty");
  return texts as readonly string[];
}

function noneBelowOne(topK: number | undefined): number | undefined {
  return topK === undefined ? undefined : Math.max(0, topK);
}

type Defined<Fields> = { [Key in keyof Fields]?: Exclude<Fields[Key], undefined> };

function withoutUndefined<Fields extends object>(fields: Fields): Defined<Fields> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<Fields>;
}

/** Undefined when there is no such file. */
function readValues(path: string): Readonly<Record<string, unknown>> | undefined {
  let values: unknown;
  try {
    values = JSON.parse(decodeText(readFileSync(path), path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new ModelConfigError(`Cannot read ${path}: ${(error as Error).message}.`, "Download the file again, or delete it.");
  }
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw new ModelConfigError(`${path} is not a JSON object.`, "Download the file again, or delete it.");
  }
  return values as Record<string, unknown>;
}
