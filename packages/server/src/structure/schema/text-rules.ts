import { type CharacterRange, characterExpression } from "./character-sets.js";
import { either, type GrammarText, repeated } from "./grammar-text.js";
import { lengthsOf, type Pattern, readPattern } from "./pattern.js";
import { automatonOf, isPlain } from "./pattern-automaton.js";
import { refusedSchema } from "./refused-schema.js";
import { countOf, type SchemaNode } from "./schema-node.js";
import { textFormats } from "./text-formats.js";

/** Characters of a pattern at most, and repetitions of a part of it: each costs as much as the vocabulary is large. */
const limits = { characters: 500, repetitions: 128 } as const;
/** A text has to be so long at most: a longer one may be asked for, not required. */
const longestNeeded = 128;
/** Characters that a grammar counts; those of longer texts are counted beside it. */
const mostCounted = 32;

/** A text under a schema, quotes included. @throws InvalidRequestError for what cannot be enforced */
export function textExpression(schema: SchemaNode, at: string, grammar: GrammarText): string {
  const least = countOf(schema, "minLength", at) ?? 0;
  const most = countOf(schema, "maxLength", at) ?? Infinity;
  if (least > most) throw refusedSchema(`${at}/minLength`, "no text is that long and that short");
  if (least > longestNeeded) throw refusedSchema(`${at}/minLength`, `a text can be made ${longestNeeded} characters long at most`);
  const { pattern, format } = schema;
  if (pattern !== undefined && format !== undefined) throw refusedSchema(`${at}/format`, "cannot be enforced beside pattern");
  const source = pattern ?? (typeof format === "string" ? textFormats[format] : undefined);
  if (source === undefined) {
    if (format !== undefined) throw refusedSchema(`${at}/format`, `${JSON.stringify(format)} cannot be enforced while an answer is written`);
    // Escapes by number may be two for one character.
    const counted = most > mostCounted ? Infinity : most;
    return least === 0 && counted === Infinity ? "text" : String.raw`"\"" ${repeated(String.raw`plain | "\\" ["\\/bfnrt]`, least, counted)} "\""`;
  }
  const where = pattern === undefined ? `${at}/format` : `${at}/pattern`;
  const read = patternAt(source, where);
  const [shortest, longest] = lengthsOf(read);
  if (shortest < least || longest > most) throw refusedSchema(where, "cannot be enforced beside minLength or maxLength, which it does not keep to by itself");
  return String.raw`"\"" ${patternExpression(withoutLongLimit(read), where, grammar)} "\""`;
}

/** The length that texts under a schema may have and that its grammar does not count; Infinity: there is none. */
export function longestText({ maxLength, pattern }: SchemaNode): number {
  if (typeof maxLength === "number") return maxLength > mostCounted ? maxLength : Infinity;
  const read = typeof pattern === "string" && pattern.length <= limits.characters ? readPattern(pattern) : undefined;
  return read?.type === "repeat" && withoutLongLimit(read) !== read ? read.most : Infinity;
}

/** A pattern that is one character, up to a long number of times, without the number. */
function withoutLongLimit(pattern: Pattern): Pattern {
  const isLong = pattern.type === "repeat" && pattern.part.type === "set" && pattern.most > mostCounted && pattern.most < Infinity && pattern.least <= mostCounted;
  return isLong ? { ...pattern, most: Infinity } : pattern;
}

/** @throws InvalidRequestError for a pattern that no grammar can hold to */
export function patternAt(source: unknown, at: string): Pattern {
  const read = typeof source === "string" && source.length <= limits.characters ? readPattern(source) : undefined;
  if (read === undefined) throw refusedSchema(at, "that pattern cannot be enforced");
  return read;
}

/** What a pattern matches, as the inside of a text of JSON. @throws InvalidRequestError */
export function patternExpression(pattern: Pattern, at: string, grammar: GrammarText): string {
  const written = expressionOf(pattern, at, 1);
  if (isPlain(pattern)) return written === "" ? '""' : written;
  const states = automatonOf(pattern);
  if (states === undefined) throw refusedSchema(at, "that pattern can be read in too many ways");
  const names = states.map(() => grammar.reserve());
  for (const [index, { isEnd, ways }] of states.entries()) {
    const next = ways.map(({ ranges, to }) => `${setExpression(ranges, at)} ${names[to]}`);
    grammar.set(names[index]!, [...next, ...(isEnd ? ['""'] : [])].join(" | "));
  }
  return names[0]!;
}

function expressionOf(pattern: Pattern, at: string, times: number): string {
  switch (pattern.type) {
    case "set":
      return setExpression(pattern.ranges, at);
    case "sequence":
      return pattern.parts.map((part) => expressionOf(part, at, times)).filter((part) => part !== "").join(" ");
    case "choice":
      return either(pattern.parts.map((part) => expressionOf(part, at, times) || '""'));
    case "repeat": {
      const { part, least, most } = pattern;
      // Repetitions within repetitions multiply.
      const all = times * Math.max(1, least, most === Infinity ? 1 : most);
      if (all > limits.repetitions) throw refusedSchema(at, `that pattern repeats a part more than ${limits.repetitions} times`);
      const inner = expressionOf(part, at, all);
      return most === 0 || inner === "" ? "" : repeated(inner, least, most);
    }
  }
}

function setExpression(ranges: readonly CharacterRange[], at: string): string {
  const expression = characterExpression(ranges);
  if (expression === undefined) throw refusedSchema(at, "that pattern asks for characters that an answer cannot be held to");
  return expression;
}
