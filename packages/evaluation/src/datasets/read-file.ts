import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { ZodType } from "zod";
import { DatasetError, decodeText, nearestName, TextEncodingError, UnknownNameError } from "@elastic-attention/core";
import { readBytes } from "@elastic-attention/data-files";
import type { SuiteOptions } from "../suite.js";

const again = "The file is damaged or was cut short while downloading; download it again.";

/** The text of a file, decompressed, in UTF-8 or with a byte order mark. @throws DatasetError for a file that is missing, empty or not readable */
export function readDataText(path: string): string {
  let text: string;
  try {
    text = decodeText(readBytes(path), path);
  } catch (cause) {
    if (TextEncodingError.isInstance(cause)) throw new DatasetError(`Cannot read ${path}: ${cause.message.split("\n")[0]!}`, { hint: cause.hint ?? again, cause });
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw new DatasetError(missing ? `${path} does not exist.` : `Cannot read ${path}: ${(cause as Error).message}.`, {
      hint: missing ? "Check the name, or leave the option out for the data that come with the package." : "Check that it is a file that you may read.",
      cause,
    });
  }
  if (text.trim() === "") throw new DatasetError(`${path} is empty.`, { hint: again });
  return text;
}

/** @throws DatasetError for a file that is missing or not JSON */
export function readDataJson(path: string): unknown {
  return parse(readDataText(path), path);
}

/**
 * Rows of a data file: JSON lines, a JSON array, an object with an array `data`, or an object of numbered rows. JSON lines
 * may also be called `.json`.
 *
 * @throws DatasetError naming file and line of what is not a row
 */
export function readDataRows(path: string): readonly unknown[] {
  const text = readDataText(path);
  if (/\.jsonl(?:\.(?:gz|zst|br))?$/.test(path)) return readLines(text, path);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    if (isJson(text.slice(0, text.search(/\r?\n|$/)))) return readLines(text, path);
    throw notJson(path, cause);
  }
  if (Array.isArray(value)) return value;
  if (typeof value === "object" && value !== null) {
    const record = value as Record<string, unknown>;
    if (Array.isArray(record["data"])) return record["data"];
    const numbered = Object.keys(record);
    if (numbered.length > 0 && numbered.every((key) => /^\d+$/.test(key))) return Object.values(record);
    return [record];
  }
  throw new DatasetError(`${path} holds no rows.`, { hint: "Expected JSON lines or a JSON array of objects." });
}

function readLines(text: string, path: string): unknown[] {
  return text.split(/\r?\n/).flatMap((line, index) => (line.trim() === "" ? [] : [parse(line, `${path}, line ${index + 1}`)]));
}

/** A row in the published form. @throws DatasetError naming the file, the row and what is wrong with it */
export function checkRow<T>(schema: ZodType<T>, row: unknown, path: string, index: number): T {
  const result = schema.safeParse(row);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.join(".") ?? "";
  throw new DatasetError(`${path}, row ${index + 1}: ${field === "" ? "" : `${field}: `}${issue?.message ?? "not in the published form"}.`, {
    hint: "Use the file as it is published; see the package's README for the fields.",
  });
}

/**
 * The file for a role: the one the user names, or the first of `names` that the data folder has.
 *
 * @returns undefined when there is neither
 * @throws DatasetError for a folder that does not exist
 */
export function findDataFile(options: SuiteOptions, role: string, names: readonly string[]): string | undefined {
  const named = options.files?.[role];
  if (named !== undefined) return named;
  const { dataDirectory } = options;
  if (dataDirectory === undefined) return undefined;
  checkFolder(dataDirectory);
  return names.map((name) => join(dataDirectory, name)).find((path) => existsSync(path));
}

/** @throws DatasetError for a folder without any of the names, with the nearest file that is there */
export function requireDataFile(options: SuiteOptions, role: string, names: readonly string[]): string {
  const path = findDataFile(options, role, names);
  if (path !== undefined) return path;
  const nearest = nearestName(names[0]!, readdirSync(options.dataDirectory!));
  throw new DatasetError(`${options.dataDirectory} has no ${names.join(" and no ")}.`, {
    hint: `${nearest === undefined ? "" : `There is a ${nearest}. `}Download the benchmark's data into this folder, or leave the task out.`,
  });
}

/** @throws UnknownNameError for a role that the suite does not read */
export function checkRoles(options: SuiteOptions, known: readonly string[]): void {
  for (const role of Object.keys(options.files ?? {})) if (!known.includes(role)) throw new UnknownNameError("data file role", role, known);
}

function checkFolder(path: string): void {
  if (existsSync(path) && statSync(path).isDirectory()) return;
  throw new DatasetError(`The data folder ${path} does not exist.`, { hint: "Name the folder that the benchmark's files were downloaded into." });
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw notJson(where, cause);
  }
}

function notJson(where: string, cause: unknown): DatasetError {
  return new DatasetError(`${where} is not JSON: ${(cause as Error).message}.`, { hint: again, cause });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
