import { either, GrammarText, literal } from "./grammar-text.js";
import { boundOf, integerGrammar, type IntegerBounds } from "./integer-range.js";
import { listExpression } from "./list-expression.js";
import { numberExpression } from "./number-expression.js";
import { objectExpression } from "./object-expression.js";
import { refusedSchema } from "./refused-schema.js";
import { requireEnds } from "./schema-ends.js";
import { areDisjoint, isOfKind, type Kind, kinds, ofLists, ofNumbers, ofObjects, ofTexts, spokenOf } from "./schema-kinds.js";
import { isObject, referredTo, type SchemaNode } from "./schema-node.js";
import { textExpression } from "./text-rules.js";

/** What a schema may be at most. */
const limits = { characters: 64 * 1024, depth: 32, keywords: 5_000 } as const;

/** Keywords that say nothing of what is valid. */
const annotations = [
  "$schema", "$id", "$comment", "$anchor", "title", "description", "default", "example", "examples", "deprecated", "readOnly", "writeOnly", "strict", "name",
  "nullable", "discriminator", "externalDocs", "contentEncoding", "contentMediaType",
];
/** Of these a schema has one, with nothing beside it but a type. */
const alone = ["enum", "const", "anyOf", "oneOf", "allOf", "$ref"] as const;
const beside = new Set<string>([...annotations, ...alone, "type", "$defs", "definitions"]);
const known = new Set<string>([...beside, ...ofObjects, ...ofLists, ...ofTexts, ...ofNumbers]);

/**
 * The grammar of JSON that is valid under a schema. Not everything that is valid can be written: an object has the properties that
 * are named, in their order, and numbers have no more digits than JavaScript's.
 *
 * @throws InvalidRequestError naming the keyword that cannot be enforced, or the limit
 */
export function schemaGrammar(schema: unknown): string {
  if (JSON.stringify(schema)?.length > limits.characters) throw refusedSchema("#", `a schema has ${limits.characters} characters at most`);
  const writer = new SchemaWriter(schema);
  const root = writer.expression(schema, "#", 0);
  requireEnds(schema);
  return writer.grammar.written(root);
}

/** Why a schema cannot be enforced, naming the keyword; undefined where it can. */
export function schemaProblem(schema: object): string | undefined {
  try {
    schemaGrammar(schema);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

class SchemaWriter {
  readonly grammar = new GrammarText();
  /** Rules of the schemas that are referred to. */
  readonly #referred = new Map<unknown, string>();
  #keywords = 0;

  constructor(private readonly root: unknown) {}

  expression(schema: unknown, at: string, depth: number): string {
    if (schema === true) return "value";
    if (schema === false) throw refusedSchema(at, "no answer is valid under false");
    if (!isObject(schema)) throw refusedSchema(at, "a schema must be an object");
    if (depth > limits.depth) throw refusedSchema(at, `schemas nest ${limits.depth} deep at most`);
    this.#check(schema, at);
    const inner = (part: unknown, where: string) => this.expression(part, where, depth + 1);
    const lone = alone.filter((keyword) => Object.hasOwn(schema, keyword));
    if (lone.length > 1) throw refusedSchema(`${at}/${lone[1]}`, `cannot be enforced beside ${lone[0]}`);
    switch (lone[0]) {
      case "$ref":
        return this.#reference(schema, at);
      case "enum":
      case "const":
        return this.#values(schema, at);
      case "anyOf":
      case "oneOf":
        return this.#alternatives(schema, lone[0], at, inner);
      case "allOf":
        return this.#onlyPart(schema, at, inner);
      default:
        return this.#ofKinds(schema, at, inner);
    }
  }

  #check(schema: SchemaNode, at: string): void {
    const keywords = Object.keys(schema);
    const other = alone.find((name) => Object.hasOwn(schema, name));
    this.#keywords += keywords.length;
    if (this.#keywords > limits.keywords) throw refusedSchema(at, `a schema has ${limits.keywords} keywords at most`);
    for (const keyword of keywords) {
      if (!known.has(keyword) && !keyword.startsWith("x-")) throw refusedSchema(`${at}/${keyword}`, "cannot be enforced while an answer is written");
      if (other !== undefined && !beside.has(keyword) && !keyword.startsWith("x-")) throw refusedSchema(`${at}/${keyword}`, `cannot be enforced beside ${other}`);
    }
  }

  /** Written once, however often it is referred to, and from within itself. */
  #reference(schema: SchemaNode, at: string): string {
    const { $ref: reference, type } = schema;
    if (type !== undefined) throw refusedSchema(`${at}/type`, "cannot be enforced beside $ref");
    if (typeof reference !== "string" || !reference.startsWith("#")) throw refusedSchema(`${at}/$ref`, "only references into the schema itself are followed");
    const target = referredTo(this.root, reference);
    if (target === undefined) throw refusedSchema(`${at}/$ref`, `there is no schema at ${JSON.stringify(reference.slice(0, 100))}`);
    if (target === true) return "value";
    const made = this.#referred.get(target);
    if (made !== undefined) return made;
    const name = this.grammar.reserve();
    this.#referred.set(target, name);
    this.grammar.set(name, this.expression(target, reference, 0));
    return name;
  }

  #values(schema: SchemaNode, at: string): string {
    const keyword = Object.hasOwn(schema, "const") ? "const" : "enum";
    const given = keyword === "const" ? [schema["const"]] : schema["enum"];
    if (!Array.isArray(given)) throw refusedSchema(`${at}/enum`, "must be a list");
    const allowed = kindsAt(schema, at);
    const values = allowed === undefined ? given : given.filter((value) => isOfKind(value, allowed));
    if (values.length === 0) throw refusedSchema(`${at}/${keyword}`, "has no value that an answer could be");
    return this.grammar.add([...new Set(values.map((value) => literal(JSON.stringify(value))))].join(" | "));
  }

  #alternatives(schema: SchemaNode, keyword: "anyOf" | "oneOf", at: string, inner: (part: unknown, at: string) => string): string {
    const given = schema[keyword];
    if (!Array.isArray(given)) throw refusedSchema(`${at}/${keyword}`, "must be a list");
    const parts = given.filter((part) => part !== false);
    if (parts.length === 0) throw refusedSchema(`${at}/${keyword}`, "has no alternative that an answer could take");
    if (keyword === "oneOf") {
      const overlapping = parts.findIndex((part, index) => parts.slice(0, index).some((other) => !areDisjoint(part, other, this.root)));
      if (overlapping >= 0) throw refusedSchema(`${at}/oneOf/${overlapping}`, "an answer may be valid under another alternative too; what tells them apart is a type, or a property with another const or enum in each");
    }
    const allowed = kindsAt(schema, at);
    const typed = parts.map((part: unknown, index) => (allowed === undefined ? part : withKinds(part, allowed, `${at}/${keyword}/${index}`)));
    return this.grammar.add(typed.map((part, index) => inner(part, `${at}/${keyword}/${index}`)).join(" | "));
  }

  #onlyPart(schema: SchemaNode, at: string, inner: (part: unknown, at: string) => string): string {
    const { allOf, type } = schema;
    if (!Array.isArray(allOf) || allOf.length !== 1) throw refusedSchema(`${at}/allOf`, "can be enforced where it has one schema");
    if (type !== undefined) throw refusedSchema(`${at}/type`, "cannot be enforced beside allOf");
    return inner(allOf[0], `${at}/allOf/0`);
  }

  #ofKinds(schema: SchemaNode, at: string, inner: (part: unknown, at: string) => string): string {
    const spoken = kindsAt(schema, at) ?? spokenOf(schema);
    if (spoken.length === 0) return "value";
    const expressions = spoken.map((kind) => this.#ofKind(kind, schema, at, inner));
    return expressions.length === 1 && /^\w+$/.test(expressions[0]!) ? expressions[0]! : this.grammar.add(either(expressions));
  }

  #ofKind(kind: Kind, schema: SchemaNode, at: string, inner: (part: unknown, at: string) => string): string {
    switch (kind) {
      case "object":
        return objectExpression(schema, at, this.grammar, inner);
      case "array":
        return listExpression(schema, at, inner);
      case "string":
        return textExpression(schema, at, this.grammar);
      case "number":
        return numberExpression(schema, at);
      case "integer":
        return boundOf(schema) === undefined ? "integer" : integerGrammar(schema as IntegerBounds, at);
      case "boolean":
        return '("true" | "false")';
      case "null":
        return '"null"';
    }
  }
}

/** The kinds that a type names; undefined where there is none. @throws InvalidRequestError */
function kindsAt({ type }: SchemaNode, at: string): readonly Kind[] | undefined {
  if (type === undefined) return undefined;
  const named = [type].flat();
  const unknown = named.find((name) => !kinds.includes(name as Kind));
  if (named.length === 0 || unknown !== undefined) throw refusedSchema(`${at}/type`, `must be one or several of ${kinds.join(", ")}`);
  return [...new Set(named as Kind[])];
}

/** An alternative that is held to the type that stands beside all of them. @throws InvalidRequestError where it may be of another one */
function withKinds(part: unknown, allowed: readonly Kind[], at: string): unknown {
  if (!isObject(part) || Object.hasOwn(part, "$ref")) throw refusedSchema(at, "cannot be enforced beside a type");
  if (part["type"] === undefined) return { ...part, type: allowed };
  const other = [part["type"]].flat().find((kind) => !allowed.includes(kind as Kind) && !(kind === "integer" && allowed.includes("number")));
  if (other !== undefined) throw refusedSchema(`${at}/type`, "is not the type that stands beside the alternatives");
  return part;
}
