import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { nearestName, TrainingConfigError } from "@elastic-attention/core";
import { type TrainingConfig, trainingConfigSchema } from "./training-config.js";

/** The JSON Schema of a configuration file; the package ships it as `schema/training-config.json`. */
export function trainingConfigJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(trainingConfigSchema, { io: "input" });
}

/**
 * Checks a configuration and fills in the defaults.
 * @throws TrainingConfigError naming the key; for a key that is not known also the one it is nearest to
 */
export function parseTrainingConfig(value: unknown, where = "The configuration"): TrainingConfig {
  const parsed = trainingConfigSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const path = issue.path.map(String);
  if (issue.code === "unrecognized_keys") {
    const key = [...path, issue.keys[0]].join(".");
    const nearest = nearestName(issue.keys[0]!, knownKeys(path));
    throw new TrainingConfigError(`${where}: ${key} is not known.`, nearest === undefined ? undefined : `Did you mean \`${nearest}\`?`, key);
  }
  const key = path.join(".");
  throw new TrainingConfigError(`${where}: ${key === "" ? "it" : key}: ${issue.message}.`, undefined, key);
}

/** Reads a file; paths in it are relative to its folder and come back absolute. @throws TrainingConfigError */
export function readTrainingConfig(path: string): TrainingConfig {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw new TrainingConfigError(`Cannot read ${path}: ${(error as Error).message}.`, "Name a JSON file; the package's example folder has one.");
  }
  const config = parseTrainingConfig(value, path);
  const absolute = (file: string) => resolve(dirname(path), file);
  return {
    ...config,
    model: config.model === "demo" ? "demo" : absolute(config.model),
    output: absolute(config.output),
    data: { ...config.data, files: config.data.files.map(absolute) },
  };
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
}

/** Keys that may stand at a place of the configuration. */
function knownKeys(path: readonly string[]): string[] {
  let nodes: readonly SchemaNode[] = [trainingConfigJsonSchema() as SchemaNode];
  const alternatives = (node: SchemaNode): readonly SchemaNode[] => [node, ...(node.anyOf ?? []), ...(node.oneOf ?? [])];
  for (const step of path) {
    nodes = nodes.flatMap(alternatives).flatMap((node) => {
      const next = /^\d+$/.test(step) ? node.items : node.properties?.[step];
      return next === undefined ? [] : [next];
    });
  }
  return nodes.flatMap(alternatives).flatMap((node) => Object.keys(node.properties ?? {}));
}
