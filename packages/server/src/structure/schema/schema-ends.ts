import { refusedSchema } from "./refused-schema.js";
import { referredTo, type SchemaNode as Node } from "./schema-node.js";

/**
 * Whether answers under a schema can come to an end: one that needs itself has no end, and no answer.
 *
 * @param schema of which every part that counts was found to be a schema
 * @throws InvalidRequestError for a schema without an end
 */
export function requireEnds(schema: unknown): void {
  const nodes = new Map<unknown, string>();
  collect(schema, "#", nodes);
  const targets = new Map<string, unknown>();
  for (const node of nodes.keys()) {
    const { $ref: reference } = node as Node;
    if (typeof reference !== "string") continue;
    const target = referredTo(schema, reference);
    // One that nothing refers to may lead nowhere.
    collect(target, reference, nodes);
    targets.set(reference, target);
  }
  // Those of which it is known, until no more are found.
  const ending = new Set<unknown>();
  for (let found = -1; found !== ending.size; ) {
    found = ending.size;
    for (const node of nodes.keys()) if (!ending.has(node) && ends(node as Node, ending, targets)) ending.add(node);
  }
  if (!ending.has(schema)) throw refusedSchema("#", "it needs itself: no answer under it would end");
}

/** Every schema within a schema, and where it stands. */
function collect(value: unknown, at: string, nodes: Map<unknown, string>): void {
  if (typeof value !== "object" || value === null || nodes.has(value)) return;
  nodes.set(value, at);
  const node = value as Node;
  for (const keyword of ["properties", "patternProperties", "$defs", "definitions"]) {
    for (const [name, inner] of Object.entries((node[keyword] ?? {}) as object)) collect(inner, `${at}/${keyword}/${name}`, nodes);
  }
  for (const keyword of ["anyOf", "oneOf", "allOf", "prefixItems"]) {
    const list = node[keyword];
    if (Array.isArray(list)) for (const [index, inner] of list.entries()) collect(inner, `${at}/${keyword}/${index}`, nodes);
  }
  for (const keyword of ["items", "additionalProperties"]) collect(node[keyword], `${at}/${keyword}`, nodes);
}

/** Whether an answer under a schema can end, by what is known of others. */
function ends(node: Node, ending: ReadonlySet<unknown>, targets: ReadonlyMap<string, unknown>): boolean {
  const { $ref: reference, properties, required, additionalProperties, prefixItems, items, minItems } = node;
  const isEnding = (inner: unknown) => typeof inner !== "object" || inner === null || ending.has(inner);
  if (typeof reference === "string") return isEnding(targets.get(reference));
  const alternatives = node["anyOf"] ?? node["oneOf"] ?? node["allOf"];
  if (Array.isArray(alternatives)) return alternatives.some(isEnding);
  const needed = Array.isArray(required) ? required.map((name: string) => (Object.hasOwn((properties ?? {}) as object, name) ? (properties as Node)[name] : additionalProperties)) : [];
  // Of several types one ends.
  if (Array.isArray(node["type"]) && node["type"].some((kind) => kind !== "object" && kind !== "array")) return true;
  const first = Array.isArray(prefixItems) ? prefixItems : [];
  return needed.every(isEnding) && first.every(isEnding) && (!(Number(minItems ?? 0) > first.length) || isEnding(items));
}
