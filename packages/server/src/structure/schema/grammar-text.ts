import { refusedSchema } from "./refused-schema.js";

/** Characters of a grammar at most: compiling a larger one would keep others waiting. */
const mostCharacters = 200_000;

/** What values of every schema are made of. Numbers are as long as those of JavaScript, so that none is infinite. */
const jsonRules = String.raw`
ws ::= [ \n]{0,2}
plain ::= [^"\\\u0000-\u001f]
character ::= plain | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4})
text ::= "\"" character* "\""
integer ::= "-"? ("0" | [1-9] [0-9]{0,14})
number ::= integer ("." [0-9]{1,15})? ([eE] [+-]? [0-9]{1,2})?
object ::= "{" ws "}" | "{" ws member (ws "," ws member)* ws "}"
member ::= text ws ":" ws value
list ::= "[" ws "]" | "[" ws value (ws "," ws value)* ws "]"
value ::= object | list | text | number | "true" | "false" | "null"
`.trim();

/** The rules of a grammar in the notation of the grammar library, gathered one by one. */
export class GrammarText {
  readonly #rules: string[] = [];
  #characters = 0;

  /** Makes a rule of an expression, so that it is written once however often it is used. @returns its name */
  add(expression: string): string {
    const name = this.reserve();
    this.set(name, expression);
    return name;
  }

  /** A name for a rule that will be set: its expression may use it. */
  reserve(): string {
    this.#rules.push("");
    return `rule${this.#rules.length - 1}`;
  }

  /** @throws InvalidRequestError where the grammar becomes too large */
  set(name: string, expression: string): void {
    this.#rules[Number(name.slice("rule".length))] = `${name} ::= ${expression}`;
    this.#characters += expression.length;
    if (this.#characters > mostCharacters) throw refusedSchema("#", "it says too much to be held to");
  }

  /** @param root what the grammar begins with */
  written(root: string): string {
    return [`root ::= ${root}`, jsonRules, ...this.#rules].join("\n");
  }
}

/** A text as it stands in a grammar. */
export function literal(text: string): string {
  return `"${Array.from(text, (character) => (/[\w {}[\]:,.-]/.test(character) ? character : escaped(character.codePointAt(0)!))).join("")}"`;
}

/** Any of some expressions. */
export function either(expressions: readonly string[]): string {
  return expressions.length === 1 ? expressions[0]! : `(${expressions.join(" | ")})`;
}

/** A character by its number: hexadecimal digits behind it are not read as a part of it. */
export function escaped(codePoint: number): string {
  return codePoint > 0xffff ? `\\U${codePoint.toString(16).padStart(8, "0")}` : `\\u${codePoint.toString(16).padStart(4, "0")}`;
}

/** So many of an expression. @param most Infinity: any number */
export function repeated(expression: string, least: number, most: number): string {
  if (least === 1 && most === 1) return expression;
  if (most === Infinity && least < 2) return `(${expression})${least === 0 ? "*" : "+"}`;
  if (least === 0 && most === 1) return `(${expression})?`;
  return `(${expression}){${least},${most === Infinity ? "" : most}}`;
}
