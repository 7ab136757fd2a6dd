import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";

/** A table of expected encodings and decodings, made with the Rust library. */
export interface GoldenTable {
  readonly name: string;
  readonly real: boolean;
  readonly tokenizer: string;
  readonly encode: readonly {
    readonly text: string;
    readonly ids: readonly number[];
    readonly ids_special: readonly number[];
    readonly decoded?: string;
    readonly decoded_skip?: string;
  }[];
  readonly decode: readonly { readonly ids: readonly number[]; readonly decoded?: string; readonly decoded_skip?: string }[];
}

/** Tables that are part of the project: pipelines made for tests. */
export const ownTables = fileURLToPath(new URL("./fixtures/", import.meta.url));

/** Test data beside the project, which not every machine has. */
export const shared: string | undefined = ["../../../../shared/", "../../../../../shared/"]
  .map((path) => fileURLToPath(new URL(path, import.meta.url)))
  .find((path) => existsSync(path));

export function tableNames(folder: string): string[] {
  return readdirSync(`${folder}tokens`).map((file) => file.replace(".json.gz", ""));
}

export function readTable(folder: string, name: string): GoldenTable {
  return readGzip(`${folder}tokens/${name}.json.gz`) as GoldenTable;
}

export function readTokenizer(folder: string, name: string): unknown {
  return readGzip(`${folder}tokenizers/${name}/tokenizer.json.gz`);
}

export function readConfig(folder: string, name: string): unknown {
  return JSON.parse(readFileSync(`${folder}tokenizers/${name}/tokenizer_config.json`, "utf8"));
}

export function readGzip(path: string): unknown {
  return JSON.parse(gunzipSync(readFileSync(path)).toString());
}
