import { randomUUID } from "node:crypto";
import { boundOf, integerGrammar, type IntegerBounds } from "./integer-range.js";
import { refusedSchema } from "./refused-schema.js";
import { requireEnds } from "./schema-ends.js";

/** What a schema may be at most: compiling a larger one would keep others waiting. */
const limits = { characters: 64 * 1024, depth: 32, keywords: 5_000 } as const;

/** Keywords that say nothing of what is valid. */
const annotations = ["$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "strict", "name"];

/** Keywords that the grammar holds every answer to. */
const enforced = [
  "type", "enum", "const", "anyOf", "$ref", "$defs", "definitions",
  "properties", "required", "additionalProperties", "patternProperties", "minProperties", "maxProperties",
  "items", "prefixItems", "minItems", "maxItems",
  "minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
];

const known = new Set([...annotations, ...enforced]);
/** Keywords beside which the grammar library overlooks others. */
const alone = ["enum", "const", "anyOf", "$ref"];
/** What may stand beside them. */
const beside = new Set([...annotations, ...alone, "type", "$defs", "definitions"]);

/** A schema that a grammar can be made of. */
export interface CheckedSchema {
  /** Grammars of the integers with bounds. */
  readonly integers: readonly string[];
  /** The schema as JSON; in the place of those integers it has the constants {@link integerMark}. */
  readonly text: string;
}

/** Stands for an integer with bounds: no schema has this constant by itself. */
export function integerMark(index: number): string {
  return `integer_${markNonce}_${index}`;
}

const markNonce = randomUUID().replaceAll("-", "");

/**
 * Whether every answer that a grammar made from this schema lets through is valid under it.
 *
 * @throws InvalidRequestError naming the keyword that could not be enforced, or the limit
 */
export function checkSchema(schema: unknown): CheckedSchema {
  let keywords = 0;
  const integers: string[] = [];
  /** @returns the same, or a constant in its place */
  const visit = (value: unknown, path: string, depth: number): unknown => {
    if (typeof value === "boolean") return value;
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw refusedSchema(path, "a schema must be an object");
    if (depth > limits.depth) throw refusedSchema(path, `schemas nest ${limits.depth} deep at most`);
    const entries = Object.entries(value);
    keywords += entries.length;
    if (keywords > limits.keywords) throw refusedSchema(path, `a schema has ${limits.keywords} keywords at most`);
    for (const [keyword, given] of entries) {
      const at = `${path}/${keyword}`;
      if (!known.has(keyword)) throw refusedSchema(at, "cannot be enforced while an answer is written");
      if (!beside.has(keyword) && alone.some((other) => other in value)) throw refusedSchema(at, `cannot be enforced beside ${alone.find((other) => other in value)}`);
      if (keyword === "$ref" && !(typeof given === "string" && given.startsWith("#"))) throw refusedSchema(at, "only references into the schema itself are followed");
      if (keyword === "pattern") checkPattern(given, at);
    }
    const bound = boundOf(value);
    if (bound !== undefined) {
      if ((value as { type?: unknown }).type !== "integer") throw refusedSchema(`${path}/${bound}`, "bounds are enforced of integers alone");
      integers.push(integerGrammar(value as IntegerBounds, path));
      return { const: integerMark(integers.length - 1) };
    }
    return Object.fromEntries(entries.map(([keyword, given]) => [keyword, visitInner(keyword, given, `${path}/${keyword}`, depth)]));
  };
  const visitInner = (keyword: string, given: unknown, at: string, depth: number): unknown => {
    if (named.includes(keyword)) return Object.fromEntries(Object.entries((given ?? {}) as object).map(([name, inner]) => [name, visit(inner, `${at}/${name}`, depth + 1)]));
    if (listed.includes(keyword) && Array.isArray(given)) return given.map((inner, index) => visit(inner, `${at}/${index}`, depth + 1));
    return single.includes(keyword) ? visit(given, at, depth + 1) : given;
  };
  const held = visit(schema, "#", 0);
  requireEnds(schema);
  const text = JSON.stringify(held);
  if (text.length > limits.characters) throw refusedSchema("#", `a schema has ${limits.characters} characters at most`);
  return { text, integers };
}

/** Keywords whose values are schemas by name, in a list, and one. */
const named = ["properties", "patternProperties", "$defs", "definitions"];
const listed = ["anyOf", "prefixItems"];
const single = ["items", "additionalProperties"];

/** Look-around and references back are no regular language. */
function checkPattern(pattern: unknown, at: string): void {
  if (typeof pattern !== "string" || pattern.length > 500 || /\(\?[^:]|\\[1-9kpPbB]/.test(pattern)) throw refusedSchema(at, "that pattern cannot be enforced");
}

/** Why a schema cannot be enforced whole, naming the keyword; undefined where it can. */
export function schemaProblem(schema: object): string | undefined {
  try {
    checkSchema(schema);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
