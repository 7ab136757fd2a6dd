import { positionOf } from "../errors/source-position.js";
import { TemplateLimitError } from "../errors/template-limit-error.js";
import { TemplateSyntaxError } from "../errors/template-syntax-error.js";
import type { Operator, Token, TokenType } from "../lexer/token.js";

/** The tokens of a template, read one by one. */
export class TokenStream {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  readonly #maximumNesting: number;
  #index = 0;
  #nesting = 0;

  /** @param tokens end with the token "end" */
  constructor(source: string, tokens: readonly Token[], maximumNesting: number) {
    this.#source = source;
    this.#tokens = tokens;
    this.#maximumNesting = maximumNesting;
  }

  get current(): Token {
    return this.#tokens[this.#index]!;
  }

  get next(): Token {
    return this.#tokens[Math.min(this.#index + 1, this.#tokens.length - 1)]!;
  }

  take(): Token {
    const token = this.current;
    if (token.type !== "end") this.#index++;
    return token;
  }

  is(type: TokenType): boolean {
    return this.current.type === type;
  }

  isName(name: string): boolean {
    return this.current.type === "name" && this.current.text === name;
  }

  isOperator(operator: Operator): boolean {
    return this.current.type === "operator" && this.current.text === operator;
  }

  takeName(name: string): boolean {
    return this.isName(name) && (this.take(), true);
  }

  takeOperator(operator: Operator): boolean {
    return this.isOperator(operator) && (this.take(), true);
  }

  expect(type: TokenType): Token {
    if (this.current.type !== type) this.fail(`expected token '${type}', got ${describe(this.current)}`);
    return this.take();
  }

  expectOperator(operator: Operator): Token {
    if (!this.isOperator(operator)) this.fail(`expected token '${operator}', got ${describe(this.current)}`);
    return this.take();
  }

  expectName(name: string): Token {
    if (!this.isName(name)) this.fail(`expected token '${name}', got ${describe(this.current)}`);
    return this.take();
  }

  /** Parses something that may hold itself. */
  nested<T>(parse: () => T): T {
    if (++this.#nesting > this.#maximumNesting) this.#refuseNesting(`The template is nested more than ${this.#maximumNesting} times over.`);
    const result = parse();
    this.#nesting--;
    return result;
  }

  /** Counts the operators of a chain such as `a + b + c`, which nests to the left: four times as many may be. */
  checkChain(length: number): void {
    if (length > 4 * this.#maximumNesting) this.#refuseNesting(`An expression of the template has more than ${4 * this.#maximumNesting} operators in a row.`);
  }

  #refuseNesting(message: string): never {
    throw new TemplateLimitError("nesting", message, { position: positionOf(this.#source, this.current.offset) });
  }

  /** @throws TemplateSyntaxError at a token, by default the current one */
  fail(message: string, offset = this.current.offset): never {
    throw new TemplateSyntaxError(message, { position: positionOf(this.#source, offset) });
  }
}

/** A token as messages name it. */
export function describe(token: Token): string {
  switch (token.type) {
    case "end":
      return "the end of the template";
    case "name":
    case "operator":
      return `'${token.text}'`;
    case "variable end":
      return "'}}'";
    case "block end":
      return "'%}'";
    default:
      return `a token of kind ${token.type}`;
  }
}
