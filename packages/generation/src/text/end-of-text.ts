import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ModelConfigError } from "@elastic-attention/core";
import { ModelConfig, type ModelSpec } from "@elastic-attention/transformer";

/**
 * Ids that end an answer: those of config.json and those of generation_config.json, which for chat models adds the end
 * of a turn.
 *
 * @throws ModelConfigError when generation_config.json is there and not a JSON object
 */
export function endOfTextIds(directory: string, spec: ModelSpec): ReadonlySet<number> {
  const path = join(directory, "generation_config.json");
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return new Set(spec.endOfTextIds);
  }
  let values: unknown;
  try {
    values = JSON.parse(text);
  } catch (error) {
    throw new ModelConfigError(`Cannot read ${path}: ${(error as Error).message}.`, "Download the file again, or delete it.");
  }
  if (typeof values !== "object" || values === null || Array.isArray(values)) {
    throw new ModelConfigError(`${path} is not a JSON object.`, "Download the file again, or delete it.");
  }
  const config = new ModelConfig(values as Record<string, unknown>, path);
  return new Set([...spec.endOfTextIds, ...config.tokenIds("eos_token_id")]);
}
