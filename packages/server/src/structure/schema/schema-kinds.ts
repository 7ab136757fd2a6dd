import { isObject, referredTo, type SchemaNode } from "./schema-node.js";

/** What values of JSON there are. */
export const kinds = ["object", "array", "string", "number", "integer", "boolean", "null"] as const;
export type Kind = (typeof kinds)[number];

/** Keywords that speak of values of one kind alone. */
export const ofObjects = ["properties", "required", "additionalProperties", "patternProperties", "minProperties", "maxProperties"];
export const ofLists = ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"];
export const ofTexts = ["minLength", "maxLength", "pattern", "format"];
export const ofNumbers = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"];

/** The kinds that a schema without a type speaks of; none: it speaks of nothing. */
export function spokenOf(schema: SchemaNode): Kind[] {
  const has = (keywords: readonly string[]) => keywords.some((keyword) => Object.hasOwn(schema, keyword));
  return [...(has(ofObjects) ? ["object" as const] : []), ...(has(ofLists) ? ["array" as const] : []), ...(has(ofTexts) ? ["string" as const] : []), ...(has(ofNumbers) ? ["number" as const] : [])];
}

export function kindOf(value: unknown): Kind {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value as Kind;
}

export function isOfKind(value: unknown, allowed: readonly Kind[]): boolean {
  const kind = kindOf(value);
  return allowed.includes(kind) || (kind === "integer" && allowed.includes("number"));
}

/** Whether no value is valid under two schemas at once, as far as can be told: by kinds, by lists of values, by a property that has another value in each. */
export function areDisjoint(one: unknown, other: unknown, root: unknown): boolean {
  const [a, b] = [followed(one, root), followed(other, root)];
  if (a === undefined || b === undefined) return false;
  const [valuesA, valuesB] = [valuesOf(a), valuesOf(b)];
  if (valuesA !== undefined && valuesB !== undefined) return !valuesA.some((value) => valuesB.some((also) => JSON.stringify(value) === JSON.stringify(also)));
  const [kindsA, kindsB] = [kindsOf(a), kindsOf(b)];
  if (kindsA === undefined || kindsB === undefined) return false;
  const shared = kindsA.filter((kind) => kindsB.includes(kind) || (kind === "integer" && kindsB.includes("number")) || (kind === "number" && kindsB.includes("integer")));
  if (shared.length === 0) return true;
  if (shared.some((kind) => kind !== "object")) return false;
  return requiredNames(a).some((name) => requiredNames(b).includes(name) && areDisjoint(propertyOf(a, name), propertyOf(b, name), root));
}

function followed(schema: unknown, root: unknown): SchemaNode | undefined {
  let node = schema;
  for (let steps = 0; steps < 16; steps++) {
    if (!isObject(node)) return undefined;
    if (typeof node["$ref"] !== "string") return node;
    node = referredTo(root, node["$ref"]);
  }
  return undefined;
}

function valuesOf(schema: SchemaNode): readonly unknown[] | undefined {
  if (Object.hasOwn(schema, "const")) return [schema["const"]];
  return Array.isArray(schema["enum"]) ? (schema["enum"] as readonly unknown[]) : undefined;
}

function kindsOf(schema: SchemaNode): readonly Kind[] | undefined {
  const values = valuesOf(schema);
  if (values !== undefined) return values.map(kindOf);
  const { type } = schema;
  if (typeof type === "string") return [type as Kind];
  return Array.isArray(type) ? (type as readonly Kind[]) : undefined;
}

function requiredNames({ required }: SchemaNode): readonly string[] {
  return Array.isArray(required) ? (required as readonly string[]) : [];
}

function propertyOf({ properties }: SchemaNode, name: string): unknown {
  return isObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
}
