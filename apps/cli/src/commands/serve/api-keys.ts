import { readFileSync } from "node:fs";
import { InvalidOptionError } from "@elastic-attention/core";

/** The variable that holds keys where no file is named, white space or commas between them. */
export const apiKeyVariable = "ELASTIC_ATTENTION_API_KEYS";

/**
 * Keys of a file, one a line, else of the environment; never of a flag, which every user of the machine can see. Lines that
 * begin with # are comments.
 *
 * @throws InvalidOptionError for a file without keys, the system's error for one that cannot be read
 */
export function readApiKeys(path: string | undefined, environment: NodeJS.ProcessEnv = process.env): readonly string[] {
  if (path === undefined) return (environment[apiKeyVariable] ?? "").split(/[\s,]+/).filter((key) => key !== "");
  const lines = readFileSync(path, "utf8").split(/\r?\n/).map((line) => line.trim());
  const keys = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (keys.length === 0) throw new InvalidOptionError(`--api-key-file: ${path} has no keys.`, "--api-key-file", "Write one key a line.");
  return keys;
}
