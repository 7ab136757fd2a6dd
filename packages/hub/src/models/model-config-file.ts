import { readFile } from "node:fs/promises";
import { CheckpointLayoutError, ModelConfigError } from "@elastic-attention/core";
import { isInside } from "../connection/repository.js";

/** A config.json as it stands. @throws ModelConfigError for what is no JSON object */
export async function readConfigFile(path: string): Promise<Readonly<Record<string, unknown>>> {
  const value = parseJson(await readFile(path, "utf8"));
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new ModelConfigError(`${path} is not a JSON object.`);
  return value as Record<string, unknown>;
}

/** The shards that an index names, each once. @throws CheckpointLayoutError for an index that names none, or a path */
export async function readShardNames(path: string): Promise<string[]> {
  const map = (parseJson(await readFile(path, "utf8")) as { readonly weight_map?: unknown } | undefined)?.weight_map;
  const names = typeof map === "object" && map !== null ? Array.from(new Set(Object.values(map))) : [];
  if (names.length === 0) throw new CheckpointLayoutError(`${path} has no weight_map of tensor names to file names.`);
  return names.map((name) => {
    if (typeof name === "string" && isInside(name) && !name.includes("/")) return name;
    throw new CheckpointLayoutError(`${path} names the shard ${JSON.stringify(name)}, which is not a plain file name.`, "Do not trust its source; take another copy of the model.");
  });
}

/** Some editors put a byte order mark in front. Undefined for what is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch {
    return undefined;
  }
}
