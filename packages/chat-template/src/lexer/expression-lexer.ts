import { TemplateSyntaxError } from "../errors/template-syntax-error.js";
import { positionOf } from "../errors/source-position.js";
import { integer } from "../operations/numbers.js";
import { isIdentifier } from "../methods/text-kind.js";
import { PythonFloat } from "../values/python-float.js";
import { stringLiteral } from "./string-literal.js";
import type { Operator, Token } from "./token.js";

const digits = String.raw`\d+(?:_\d+)*`;
const floatPattern = new RegExp(`${digits}(?:(?:\\.${digits})?e[+-]?${digits}|\\.${digits})`, "iy");
const integerPattern = /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy;
const namePattern = /[\p{L}\p{N}_]+/uy;
const twoCharacterOperators = new Set(["//", "**", "==", "!=", ">=", "<="]);
/** The first characters of all operators; `!` alone is none. */
const operators = new Set("+-*/%~[](){}><=.:|,;!");
const closing: Readonly<Record<string, string>> = { "(": ")", "[": "]", "{": "}" };
/** More digits than Python reads. */
const integerDigits = 4300;

/** Reads what stands between the marks of a tag. */
export class ExpressionLexer {
  readonly #source: string;
  readonly #tokens: Token[];
  /** The brackets that are to be closed, the innermost last. */
  readonly #open: string[] = [];

  constructor(source: string, tokens: Token[]) {
    this.#source = source;
    this.#tokens = tokens;
  }

  /** Whether no bracket is open: only there can a tag end. */
  get isBalanced(): boolean {
    return this.#open.length === 0;
  }

  /** Reads the token at `at`, which is no white space, and gives the place behind it. @throws TemplateSyntaxError */
  read(at: number): number {
    const character = this.#source[at]!;
    if (character >= "0" && character <= "9") return this.#readNumber(at);
    if (character === "'" || character === '"') return this.#readString(at, character);
    if (operators.has(character)) return this.#readOperator(at);
    const name = match(namePattern, this.#source, at);
    if (name === undefined) throw this.#error(`unexpected char '${String.fromCodePoint(this.#source.codePointAt(at)!)}' at ${at}`, at);
    if (!isIdentifier(name)) throw this.#error("Invalid character in identifier", at);
    return this.#push({ type: "name", text: name, offset: at }, name.length);
  }

  #push(token: Token, length: number): number {
    this.#tokens.push(token);
    return token.offset + length;
  }

  #readNumber(at: number): number {
    // Behind a dot, digits are an index: `items.0.1`.
    const float = this.#source[at - 1] === "." ? undefined : match(floatPattern, this.#source, at);
    if (float !== undefined) {
      return this.#push({ type: "float", text: float, number: new PythonFloat(Number(float.replaceAll("_", ""))), offset: at }, float.length);
    }
    const text = match(integerPattern, this.#source, at)!;
    if (text.length > integerDigits) throw this.#error(`An integer has more than ${integerDigits} digits`, at);
    const plain = text.replaceAll("_", "");
    return this.#push({ type: "integer", text, number: integer(BigInt(plain.toLowerCase())), offset: at }, text.length);
  }

  #readString(at: number, quote: string): number {
    let end = at + 1;
    while (end < this.#source.length && this.#source[end] !== quote) end += this.#source[end] === "\\" ? 2 : 1;
    if (end >= this.#source.length) throw this.#error(`unexpected char ${quote === "'" ? `"'"` : `'"'`} at ${at}`, at, "A text is not closed.");
    const value = stringLiteral(this.#source.slice(at + 1, end), (message) => this.#error(message, at));
    return this.#push({ type: "string", text: value, offset: at }, end + 1 - at);
  }

  #readOperator(at: number): number {
    const two = this.#source.slice(at, at + 2);
    const operator = twoCharacterOperators.has(two) ? two : this.#source[at]!;
    if (operator === "!") throw this.#error(`unexpected char '!' at ${at}`, at);
    this.#balance(operator, at);
    return this.#push({ type: "operator", text: operator as Operator, offset: at }, operator.length);
  }

  #balance(operator: string, at: number): void {
    const close = closing[operator];
    if (close !== undefined) this.#open.push(close);
    else if (operator === ")" || operator === "]" || operator === "}") {
      const expected = this.#open.pop();
      if (expected === undefined) throw this.#error(`unexpected '${operator}'`, at);
      if (expected !== operator) throw this.#error(`unexpected '${operator}', expected '${expected}'`, at);
    }
  }

  #error(message: string, offset: number, hint?: string): TemplateSyntaxError {
    return new TemplateSyntaxError(message, { position: positionOf(this.#source, offset), ...(hint === undefined ? {} : { hint }) });
  }
}

function match(pattern: RegExp, source: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source)?.[0];
}
