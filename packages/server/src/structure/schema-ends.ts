import { refusedSchema } from "./refused-schema.js";

type Node = Readonly<Record<string, unknown>>;

/**
 * Whether answers under a schema can come to an end: one that needs itself has no end, and no answer.
 *
 * @param schema of which every part was found to be a schema
 * @throws InvalidRequestError for a reference to nothing, and for a schema without an end
 */
export function requireEnds(schema: unknown): void {
  const nodes = new Map<unknown, string>();
  collect(schema, "#", nodes);
  const targets = new Map<string, unknown>();
  for (const [node, at] of nodes) {
    const { $ref: reference } = node as Node;
    if (typeof reference !== "string") continue;
    const target = resolved(schema, reference);
    if (!nodes.has(target)) throw refusedSchema(`${at}/$ref`, `there is no schema at ${JSON.stringify(reference.slice(0, 100))}`);
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
  for (const keyword of ["anyOf", "prefixItems"]) {
    const list = node[keyword];
    if (Array.isArray(list)) for (const [index, inner] of list.entries()) collect(inner, `${at}/${keyword}/${index}`, nodes);
  }
  for (const keyword of ["items", "additionalProperties"]) collect(node[keyword], `${at}/${keyword}`, nodes);
}

/** Whether an answer under a schema can end, by what is known of others. */
function ends(node: Node, ending: ReadonlySet<unknown>, targets: ReadonlyMap<string, unknown>): boolean {
  const { $ref: reference, anyOf, properties, required, prefixItems, items, minItems } = node;
  const isEnding = (inner: unknown) => typeof inner !== "object" || inner === null || ending.has(inner);
  if (typeof reference === "string") return ending.has(targets.get(reference));
  if (Array.isArray(anyOf)) return anyOf.some(isEnding);
  const needed = Array.isArray(required) ? required.map((name: string) => (Object.hasOwn((properties ?? {}) as object, name) ? (properties as Node)[name] : undefined)) : [];
  const first = Array.isArray(prefixItems) ? prefixItems : [];
  return needed.every(isEnding) && first.every(isEnding) && (!(Number(minItems ?? 0) > first.length) || isEnding(items));
}

/** What a reference into the schema itself refers to. */
function resolved(root: unknown, reference: string): unknown {
  let value = root;
  for (const step of reference.split("/").slice(1)) {
    const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Node)[name];
  }
  return value;
}
