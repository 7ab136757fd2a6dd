import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { parseJson } from "../src/index.js";

/** A gzipped JSON file of this folder; numbers as Python tells them apart. */
// The caller knows what the table holds.
// eslint-disable-next-line typescript/no-unnecessary-type-parameters
export function readTable<T>(path: string): T {
  return parseJson(gunzipSync(readFileSync(new URL(path, import.meta.url))).toString("utf8")) as T;
}

/** A JSON file of the shared fixtures, which are not part of the project; undefined where they are not there. */
// eslint-disable-next-line typescript/no-unnecessary-type-parameters
export function readShared<T>(path: string): T | undefined {
  const file = fileURLToPath(new URL(`../../../../shared/fixtures/text/${path}`, import.meta.url));
  const beside = fileURLToPath(new URL(`../../../../../shared/fixtures/text/${path}`, import.meta.url));
  const found = [file, beside].find((candidate) => existsSync(candidate));
  return found === undefined ? undefined : (parseJson(readFileSync(found, "utf8")) as T);
}
