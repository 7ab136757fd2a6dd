import { allBut, characterExpression, inBoth } from "./character-sets.js";
import { type GrammarText, literal, repeated } from "./grammar-text.js";
import { refusedSchema } from "./refused-schema.js";
import { countOf, isObject, type SchemaNode } from "./schema-node.js";
import { patternAt, patternExpression } from "./text-rules.js";

/** Makes an expression of a schema that stands at a place. */
export type Inner = (schema: unknown, at: string) => string;

/** One property as it is written, and whether it has to be. */
interface Property {
  readonly expression: string;
  readonly isRequired: boolean;
}

/** An object under a schema: its properties in their order, then others, where there may be others. @throws InvalidRequestError */
export function objectExpression(schema: SchemaNode, at: string, grammar: GrammarText, inner: Inner): string {
  const declared = objectAt(schema, "properties", at);
  const required = requiredAt(schema, at);
  const { additionalProperties: additional, patternProperties } = schema;
  const properties = Object.entries(declared).flatMap(([name, value]): Property[] => {
    const isRequired = required.includes(name);
    // What nothing is valid for is left out.
    if (value === false && !isRequired) return [];
    return [{ expression: grammar.add(`${literal(JSON.stringify(name))} ws ":" ws ${inner(value, `${at}/properties/${name}`)}`), isRequired }];
  });
  const unknown = required.filter((name) => !Object.hasOwn(declared, name));
  if (unknown.length > 0 && patternProperties !== undefined) throw refusedSchema(`${at}/required`, `${JSON.stringify(unknown[0])} is not among the properties`);
  for (const name of unknown) properties.push({ expression: grammar.add(`${literal(JSON.stringify(name))} ws ":" ws ${inner(additional ?? true, `${at}/additionalProperties`)}`), isRequired: true });
  const others = otherProperties(schema, at, [...Object.keys(declared), ...unknown], grammar, inner);
  const { least, most } = othersWanted(schema, at, properties, others !== undefined);
  if (others === undefined || most === 0) return objectOf(properties, undefined, grammar);
  return objectOf(properties, { first: repeated(`${others} ${repeated(`ws "," ws ${others}`, 0, most - 1)}`, least, 1), next: repeated(`ws "," ws ${others}`, least, most) }, grammar);
}

/**
 * Rules for what is left of the properties from each on, where none has been written and where one has: as many as there are
 * properties.
 */
function objectOf(properties: readonly Property[], others: { readonly first: string; readonly next: string } | undefined, grammar: GrammarText): string {
  let [none, some] = [others?.first ?? '""', others?.next ?? '""'];
  for (const { expression, isRequired } of properties.toReversed()) {
    const [noneBehind, someBehind] = [none, some];
    none = grammar.add(isRequired ? `${expression} ${someBehind}` : `${expression} ${someBehind} | ${noneBehind}`);
    some = grammar.add(isRequired ? `ws "," ws ${expression} ${someBehind}` : `ws "," ws ${expression} ${someBehind} | ${someBehind}`);
  }
  return `"{" ws ${none} ws "}"`;
}

/** A property of another name, under the schema for those; undefined where there are none. */
function otherProperties(schema: SchemaNode, at: string, names: readonly string[], grammar: GrammarText, inner: Inner): string | undefined {
  const { additionalProperties: additional, patternProperties } = schema;
  if (patternProperties === undefined) {
    if (additional === undefined || additional === false) return Object.keys(schema).some((keyword) => /^(?:properties|required|additionalProperties)$/.test(keyword)) ? undefined : grammar.add('text ws ":" ws value');
    return grammar.add(`${otherName(names, grammar)} ws ":" ws ${inner(additional, `${at}/additionalProperties`)}`);
  }
  const patterns = Object.entries(objectAt(schema, "patternProperties", at));
  if (patterns.length !== 1 || names.length > 0) throw refusedSchema(`${at}/patternProperties`, "can be enforced where it has one pattern, and no properties stand beside it");
  if (additional !== undefined && additional !== false) throw refusedSchema(`${at}/additionalProperties`, "cannot be enforced beside patternProperties");
  const [source, value] = patterns[0]!;
  const where = `${at}/patternProperties/${source}`;
  return grammar.add(`"\\"" ${patternExpression(patternAt(source, where), where, grammar)} "\\"" ws ":" ws ${inner(value, where)}`);
}

/** How many others there may be. @throws InvalidRequestError for numbers of properties that cannot be counted */
function othersWanted(schema: SchemaNode, at: string, properties: readonly Property[], hasOthers: boolean): { readonly least: number; readonly most: number } {
  const least = countOf(schema, "minProperties", at) ?? 0;
  const most = countOf(schema, "maxProperties", at) ?? Infinity;
  const needed = properties.filter(({ isRequired }) => isRequired).length;
  if (most < properties.length) throw refusedSchema(`${at}/maxProperties`, "cannot be enforced below the number of properties that are named");
  if (least <= needed) return { least: 0, most: hasOthers ? most - properties.length : 0 };
  // Two of one name would count once.
  if (!hasOthers || least > needed + 1) throw refusedSchema(`${at}/minProperties`, "cannot be enforced beyond the properties that are required, and one more");
  if (most - properties.length < 1) throw refusedSchema(`${at}/maxProperties`, "leaves no room for a property that is needed");
  return { least: 1, most: most - properties.length };
}

/** A text in quotes that is none of some names. */
function otherName(names: readonly string[], grammar: GrammarText): string {
  const whole = grammar.add("plain*");
  const after = (known: readonly string[]): string => {
    const children = new Map<string, string[]>();
    for (const name of known) {
      const [first, ...rest] = Array.from(name);
      if (first !== undefined) children.set(first, [...(children.get(first) ?? []), rest.join("")]);
    }
    if (children.size === 0) return known.includes("") ? `plain ${whole}` : whole;
    const characters = [...children.keys()].filter((character) => plain.test(character));
    const branches = characters.map((character) => `${literal(character)} ${grammar.add(after(children.get(character)!))}`);
    const others = allBut(characters.map((character) => [character.codePointAt(0)!, character.codePointAt(0)!]));
    const otherwise = `${characterExpression(inBoth(others, unescaped))} ${whole}`;
    return [otherwise, ...branches, ...(known.includes("") ? [] : ['""'])].join(" | ");
  };
  return names.length === 0 ? "text" : `"\\"" ${grammar.add(after(names))} "\\""`;
}

/** What JSON writes as it is: other characters are in no name but those that are named. */
const unescaped = allBut([[0, 0x1f], [0x22, 0x22], [0x5c, 0x5c]]);
const plain = /^[^"\\\p{Cc}\p{Cs}]$/u;

function objectAt(schema: SchemaNode, keyword: string, at: string): SchemaNode {
  const value = schema[keyword];
  if (value === undefined) return {};
  if (!isObject(value)) throw refusedSchema(`${at}/${keyword}`, "must be an object");
  return value;
}

function requiredAt({ required }: SchemaNode, at: string): readonly string[] {
  if (required === undefined) return [];
  if (!Array.isArray(required) || required.some((name) => typeof name !== "string")) throw refusedSchema(`${at}/required`, "must be a list of names");
  return [...new Set(required as string[])];
}
