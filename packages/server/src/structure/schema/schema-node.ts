import { refusedSchema } from "./refused-schema.js";

/** A schema that is an object. */
export type SchemaNode = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is SchemaNode {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A keyword whose value is a count; undefined where it is not there. @throws InvalidRequestError for what is none */
export function countOf(schema: SchemaNode, keyword: string, at: string): number | undefined {
  const value = schema[keyword];
  if (value === undefined) return undefined;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw refusedSchema(`${at}/${keyword}`, "must be a whole number, 0 or more");
}

/** What a reference into the schema itself refers to; undefined for one that leads nowhere. */
export function referredTo(root: unknown, reference: string): unknown {
  if (reference !== "#" && !reference.startsWith("#/")) return undefined;
  let value = root;
  for (const step of reference.split("/").slice(1)) {
    const name = decoded(step).replaceAll("~1", "/").replaceAll("~0", "~");
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as SchemaNode)[name];
  }
  return value;
}

function decoded(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}
