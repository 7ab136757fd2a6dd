import { readFileSync } from "node:fs";
import { decodeText, InvalidOptionError } from "@elastic-attention/core";

/** JSON in the file of an option. @throws InvalidOptionError for what is not JSON; the system's error for a file that cannot be read */
export function readJsonFile(path: string, option: string): unknown {
  const text = decodeText(readFileSync(path), path);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InvalidOptionError(`${option}: ${path} is not JSON: ${(cause as Error).message}.`, option, "Correct the file at that place.");
  }
}

/** A list in the file of an option; an object stands for the list that it has under `key`. @throws InvalidOptionError */
export function readJsonList(path: string, option: string, key: string): readonly unknown[] {
  const value = readJsonFile(path, option);
  const list: unknown = Array.isArray(value) ? value : (value as Record<string, unknown> | null)?.[key];
  if (Array.isArray(list)) return list;
  throw new InvalidOptionError(`${option}: ${path} is no JSON list, and no object with a list "${key}".`, option, `It holds ${key} as an API takes them.`);
}
