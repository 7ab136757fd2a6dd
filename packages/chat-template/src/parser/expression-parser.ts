import type { ArithmeticOperator } from "../operations/arithmetic.js";
import type { OrderOperator } from "../operations/ordering.js";
import { noArguments, parseArguments, parseTestArguments } from "./argument-parser.js";
import type { CompareOperator, Expression, Filter } from "./expressions.js";
import { constants } from "./constants.js";
import type { TupleOptions } from "./tuple-options.js";
import { describe, type TokenStream } from "./token-stream.js";

const comparisons = new Set(["==", "!=", "<", "<=", ">", ">="]);
const sums = new Set(["+", "-"]);
const products = new Set(["*", "/", "//", "%"]);


/** Expressions, from the loosest to the tightest operator. */
export class ExpressionParser {
  readonly stream: TokenStream;

  constructor(stream: TokenStream) {
    this.stream = stream;
  }

  parse(withConditional = true): Expression {
    return this.stream.nested(() => (withConditional ? this.#conditional() : this.#or()));
  }

  /** Expressions with commas between them; one without a comma is itself. */
  parseTuple({ withConditional = true, endNames = [], inParentheses = false }: TupleOptions = {}): Expression {
    const { offset } = this.stream.current;
    const items: Expression[] = [];
    let isTuple = false;
    while (!this.#endsTuple(endNames)) {
      items.push(this.parse(withConditional));
      if (!this.stream.takeOperator(",")) break;
      isTuple = true;
    }
    if (!isTuple) {
      if (items.length > 0) return items[0]!;
      if (!inParentheses) this.stream.fail(`Expected an expression, got ${describe(this.stream.current)}`);
    }
    return { kind: "tuple", items, offset };
  }

  #endsTuple(endNames: readonly string[]): boolean {
    const { stream } = this;
    if (stream.is("variable end") || stream.is("block end") || stream.isOperator(")")) return true;
    return endNames.some((name) => stream.isName(name));
  }

  #conditional(): Expression {
    let result = this.#or();
    for (let length = 1; this.stream.isName("if"); length++) {
      this.stream.checkChain(length);
      const { offset } = this.stream.take();
      const test = this.#or();
      const otherwise = this.stream.takeName("else") ? this.parse() : undefined;
      result = { kind: "conditional", test, whenTrue: result, otherwise, offset };
    }
    return result;
  }

  #or(): Expression {
    let left = this.#and();
    for (let length = 1; this.stream.isName("or"); length++) {
      this.stream.checkChain(length);
      const { offset } = this.stream.take();
      left = { kind: "or", left, right: this.#and(), offset };
    }
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    for (let length = 1; this.stream.isName("and"); length++) {
      this.stream.checkChain(length);
      const { offset } = this.stream.take();
      left = { kind: "and", left, right: this.#not(), offset };
    }
    return left;
  }

  #not(): Expression {
    if (!this.stream.isName("not")) return this.#compare();
    const { offset } = this.stream.take();
    return this.stream.nested(() => ({ kind: "not", operand: this.#not(), offset }));
  }

  #compare(): Expression {
    const first = this.#sum();
    const rest: { operator: CompareOperator; operand: Expression }[] = [];
    const { offset } = this.stream.current;
    for (let operator = this.#compareOperator(); operator !== undefined; operator = this.#compareOperator()) {
      rest.push({ operator, operand: this.#sum() });
    }
    return rest.length === 0 ? first : { kind: "compare", first, rest, offset };
  }

  #compareOperator(): CompareOperator | undefined {
    const { stream } = this;
    if (stream.is("operator") && comparisons.has(stream.current.text)) return stream.take().text as "==" | "!=" | OrderOperator;
    if (stream.takeName("in")) return "in";
    if (!stream.isName("not") || stream.next.type !== "name" || stream.next.text !== "in") return undefined;
    stream.take();
    stream.take();
    return "not in";
  }

  #binary(operators: ReadonlySet<string>, operand: () => Expression): Expression {
    let left = operand();
    for (let length = 1; this.stream.is("operator") && operators.has(this.stream.current.text); length++) {
      this.stream.checkChain(length);
      const { text, offset } = this.stream.take();
      left = { kind: "arithmetic", operator: text as ArithmeticOperator, left, right: operand(), offset };
    }
    return left;
  }

  #sum(): Expression {
    return this.#binary(sums, () => this.#concatenation());
  }

  #concatenation(): Expression {
    const { offset } = this.stream.current;
    const items = [this.#product()];
    while (this.stream.takeOperator("~")) items.push(this.#product());
    return items.length === 1 ? items[0]! : { kind: "concatenation", items, offset };
  }

  #product(): Expression {
    return this.#binary(products, () => this.#power());
  }

  #power(): Expression {
    let left = this.unary();
    for (let length = 1; this.stream.isOperator("**"); length++) {
      this.stream.checkChain(length);
      const { offset } = this.stream.take();
      left = { kind: "arithmetic", operator: "**", left, right: this.unary(), offset };
    }
    return left;
  }

  /** Signs bind tighter than filters, so that `-1 | abs` is 1. */
  unary(withFilters = true): Expression {
    const { stream } = this;
    const { offset } = stream.current;
    const sign = stream.takeOperator("-") ? "-" : stream.takeOperator("+") ? "+" : undefined;
    let node = sign === undefined ? this.primary() : stream.nested((): Expression => ({ kind: sign, operand: this.unary(false), offset }));
    node = this.postfix(node);
    return withFilters ? this.#filtersAndTests(node) : node;
  }

  primary(): Expression {
    const { stream } = this;
    const token = stream.current;
    const { offset } = token;
    switch (token.type) {
      case "name": {
        stream.take();
        const value = constants.get(token.text);
        return value === undefined ? { kind: "name", name: token.text, offset } : { kind: "constant", value, offset };
      }
      case "string": {
        let text = "";
        while (stream.is("string")) text += stream.take().text;
        return { kind: "constant", value: text, offset };
      }
      case "integer":
      case "float":
        stream.take();
        return { kind: "constant", value: token.number!, offset };
      case "operator":
        if (stream.takeOperator("(")) {
          const inner = stream.nested(() => this.parseTuple({ inParentheses: true }));
          stream.expectOperator(")");
          return inner;
        }
        if (stream.takeOperator("[")) return { kind: "list", items: this.#listItems(), offset };
        if (stream.takeOperator("{")) return { kind: "dict", entries: this.#dictEntries(), offset };
        break;
      default:
    }
    return stream.fail(token.type === "variable end" || token.type === "block end" ? `Expected an expression, got ${describe(token)}` : `unexpected ${describe(token)}`);
  }

  #listItems(): Expression[] {
    const items: Expression[] = [];
    while (!this.stream.takeOperator("]")) {
      if (items.length > 0) this.stream.expectOperator(",");
      if (this.stream.takeOperator("]")) break;
      items.push(this.parse());
    }
    return items;
  }

  #dictEntries(): [Expression, Expression][] {
    const entries: [Expression, Expression][] = [];
    while (!this.stream.takeOperator("}")) {
      if (entries.length > 0) this.stream.expectOperator(",");
      if (this.stream.takeOperator("}")) break;
      const key = this.parse();
      this.stream.expectOperator(":");
      entries.push([key, this.parse()]);
    }
    return entries;
  }

  /** Attributes, elements and calls behind a value. */
  postfix(value: Expression): Expression {
    const { stream } = this;
    let node = value;
    for (let length = 1; ; length++) {
      stream.checkChain(length);
      if (stream.isOperator(".")) node = this.#attribute(node);
      else if (stream.isOperator("[")) node = this.#subscript(node);
      else if (stream.isOperator("(")) node = this.#call(node);
      else return node;
    }
  }

  #filtersAndTests(value: Expression): Expression {
    const { stream } = this;
    let node = value;
    for (let length = 1; ; length++) {
      stream.checkChain(length);
      if (stream.isOperator("|")) node = this.filters(node);
      else if (stream.isName("is")) node = this.#test(node);
      else if (stream.isOperator("(")) node = this.#call(node);
      else return node;
    }
  }

  #attribute(target: Expression): Expression {
    const { offset } = this.stream.take();
    const token = this.stream.take();
    if (token.type === "name") return { kind: "attribute", target, name: token.text, offset };
    if (token.type !== "integer") this.stream.fail("expected name or number", token.offset);
    return { kind: "item", target, key: { kind: "constant", value: token.number!, offset }, offset };
  }

  #subscript(target: Expression): Expression {
    const { offset } = this.stream.take();
    const keys: Expression[] = [];
    while (!this.stream.takeOperator("]")) {
      if (keys.length > 0) this.stream.expectOperator(",");
      keys.push(this.#key());
    }
    const key: Expression = keys.length === 1 ? keys[0]! : { kind: "tuple", items: keys, offset };
    return { kind: "item", target, key, offset };
  }

  #key(): Expression {
    const { stream } = this;
    const { offset } = stream.current;
    const start = stream.isOperator(":") ? undefined : this.parse();
    if (!stream.takeOperator(":")) return start!;
    const ends = () => stream.isOperator("]") || stream.isOperator(",");
    const stop = ends() || stream.isOperator(":") ? undefined : this.parse();
    const step = !stream.takeOperator(":") || ends() ? undefined : this.parse();
    return { kind: "slice", start, stop, step, offset };
  }

  #call(callee: Expression): Expression {
    const { offset } = this.stream.current;
    return { kind: "call", callee, args: parseArguments(this), offset };
  }

  /** Filters behind a value; with `inline` the first stands without its bar. */
  filters(value: Expression): Expression;
  filters(value: undefined, inline?: boolean): Filter | undefined;
  filters(value: Expression | undefined, inline = false): Expression | undefined {
    let node = value;
    let isBare = inline;
    for (let length = 0; isBare || this.stream.isOperator("|"); length++) {
      this.stream.checkChain(length);
      if (!isBare) this.stream.take();
      isBare = false;
      const { offset } = this.stream.current;
      const name = this.#dottedName();
      node = { kind: "filter", target: node, name, args: this.stream.isOperator("(") ? parseArguments(this) : noArguments, offset };
    }
    return node;
  }

  #dottedName(): string {
    let name = this.stream.expect("name").text;
    while (this.stream.takeOperator(".")) name += `.${this.stream.expect("name").text}`;
    return name;
  }

  #test(target: Expression): Expression {
    const { stream } = this;
    const { offset } = stream.take();
    const negated = stream.takeName("not");
    const name = this.#dottedName();
    const test: Expression = { kind: "test", target, name, args: parseTestArguments(this), offset };
    return negated ? { kind: "not", operand: test, offset } : test;
  }
}
