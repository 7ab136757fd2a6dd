import { InvalidRequestError } from "@elastic-attention/core";

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
const bounds = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];

/**
 * Whether every answer that a grammar made from this schema lets through is valid under it.
 *
 * @returns the schema as JSON
 * @throws InvalidRequestError naming the keyword that could not be enforced, or the limit
 */
export function checkSchema(schema: unknown): string {
  let keywords = 0;
  const visit = (value: unknown, path: string, depth: number): void => {
    if (typeof value === "boolean") return;
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw refused(path, "a schema must be an object");
    if (depth > limits.depth) throw refused(path, `schemas nest ${limits.depth} deep at most`);
    const entries = Object.entries(value);
    keywords += entries.length;
    if (keywords > limits.keywords) throw refused(path, `a schema has ${limits.keywords} keywords at most`);
    for (const [keyword, given] of entries) {
      const at = `${path}/${keyword}`;
      if (!known.has(keyword)) throw refused(at, "cannot be enforced while an answer is written");
      if (bounds.includes(keyword) && (value as { type?: unknown }).type !== "integer") throw refused(at, "bounds are enforced of integers alone");
      if (keyword === "$ref" && !(typeof given === "string" && given.startsWith("#"))) throw refused(at, "only references into the schema itself are followed");
      if (keyword === "pattern") checkPattern(given, at);
      for (const [name, inner] of schemasOf(keyword, given)) visit(inner, `${at}${name}`, depth + 1);
    }
  };
  visit(schema, "#", 0);
  const text = JSON.stringify(schema);
  if (text.length > limits.characters) throw refused("#", `a schema has ${limits.characters} characters at most`);
  return text;
}

/** The schemas inside a keyword's value, each with its place. */
function schemasOf(keyword: string, given: unknown): (readonly [name: string, schema: unknown])[] {
  if (["properties", "patternProperties", "$defs", "definitions"].includes(keyword)) {
    return Object.entries((given ?? {}) as object).map(([name, schema]) => [`/${name}`, schema]);
  }
  if (keyword === "anyOf" || keyword === "prefixItems") return Array.isArray(given) ? given.map((schema, index) => [`/${index}`, schema]) : [];
  return keyword === "items" || keyword === "additionalProperties" ? [["", given]] : [];
}

/** Look-around and references back are no regular language. */
function checkPattern(pattern: unknown, at: string): void {
  if (typeof pattern !== "string" || pattern.length > 500 || /\(\?[^:]|\\[1-9kpPbB]/.test(pattern)) throw refused(at, "that pattern cannot be enforced");
}

function refused(at: string, why: string): InvalidRequestError {
  return new InvalidRequestError(`The JSON schema cannot be followed at ${at}: ${why}.`, "Leave that out, or check the answer yourself with response_format text.");
}
