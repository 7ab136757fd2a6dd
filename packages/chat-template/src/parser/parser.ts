import type { Expression, Target } from "./expressions.js";
import { ExpressionParser } from "./expression-parser.js";
import type { Body, Signature, Statement } from "./statements.js";
import { tagParsers } from "./tags.js";
import { describe, type TokenStream } from "./token-stream.js";

/** Statements: text, printed expressions and tags. */
export class Parser {
  readonly stream: TokenStream;
  readonly expressions: ExpressionParser;

  constructor(stream: TokenStream) {
    this.stream = stream;
    this.expressions = new ExpressionParser(stream);
  }

  /** @throws TemplateSyntaxError, TemplateLimitError */
  parseTemplate(): Body {
    return this.#until([]);
  }

  /** Everything up to a tag with one of the names, of which the begin mark has been read. */
  #until(endNames: readonly string[]): Statement[] {
    const body: Statement[] = [];
    const { stream } = this;
    for (;;) {
      const token = stream.take();
      switch (token.type) {
        case "data":
          body.push({ kind: "text", text: token.text, offset: token.offset });
          break;
        case "variable begin":
          body.push({ kind: "output", expressions: [this.expressions.parseTuple()], offset: token.offset });
          stream.expect("variable end");
          break;
        case "block begin":
          if (endNames.some((name) => stream.isName(name))) return body;
          body.push(stream.nested(() => this.#tag(token.offset)));
          stream.expect("block end");
          break;
        default:
          if (endNames.length === 0) return body;
          return stream.fail(`unexpected end of the template, which has to have the tag '${endNames.at(-1)}' first`, token.offset);
      }
    }
  }

  #tag(offset: number): Statement {
    const { stream } = this;
    if (!stream.is("name")) stream.fail("tag name expected");
    const name = stream.take().text;
    const parse = tagParsers.get(name);
    return parse === undefined ? stream.fail(`Encountered unknown tag '${name}'.`, offset) : parse(this, offset);
  }

  /** The statements of a tag up to one of `endNames`, which is read too unless it is to be looked at. */
  body(endNames: readonly string[], readEnd = true): Statement[] {
    this.stream.takeOperator(":");
    this.stream.expect("block end");
    const body = this.#until(endNames);
    if (readEnd) this.stream.take();
    return body;
  }

  /** Where a value goes: names, also in tuples, and attributes of namespaces where they are allowed. */
  target({ endNames = [], withNamespace = false, withTuple = true }: { endNames?: readonly string[]; withNamespace?: boolean; withTuple?: boolean } = {}): Target {
    const { stream } = this;
    const { offset } = stream.current;
    const items: Target[] = [];
    let isTuple = false;
    while (!stream.is("block end") && !stream.isOperator(")") && !endNames.some((name) => stream.isName(name))) {
      items.push(this.#simpleTarget(withNamespace));
      if (!withTuple || !stream.takeOperator(",")) break;
      isTuple = true;
    }
    if (!isTuple && items.length === 1) return items[0]!;
    if (!isTuple) stream.fail(`Expected a name, got ${describe(stream.current)}`);
    return { kind: "tuple", items, offset };
  }

  #simpleTarget(withNamespace: boolean): Target {
    const { stream } = this;
    const { offset } = stream.current;
    if (withNamespace && stream.is("name") && stream.next.type === "operator" && stream.next.text === ".") {
      const name = stream.take().text;
      stream.take();
      return { kind: "namespace", name, attribute: stream.expect("name").text, offset };
    }
    return this.#asTarget(this.expressions.primary());
  }

  #asTarget(node: Expression): Target {
    if (node.kind === "name") return { kind: "name", name: node.name, offset: node.offset };
    if (node.kind === "tuple") return { kind: "tuple", items: node.items.map((item) => this.#asTarget(item)), offset: node.offset };
    return this.stream.fail(`can't assign to '${node.kind}'`, node.offset);
  }

  name(): string {
    const { text, offset } = this.stream.expect("name");
    if (["true", "false", "none", "True", "False", "None"].includes(text)) this.stream.fail(`can't assign to '${text}'`, offset);
    return text;
  }

  signature(): Signature {
    const { stream } = this;
    const parameters = new Set<string>();
    const defaults: Expression[] = [];
    stream.expectOperator("(");
    while (!stream.takeOperator(")")) {
      if (parameters.size > 0) stream.expectOperator(",");
      const { offset } = stream.current;
      const name = this.name();
      if (parameters.has(name)) stream.fail(`duplicate argument '${name}' in function definition`, offset);
      parameters.add(name);
      if (stream.takeOperator("=")) defaults.push(this.expressions.parse());
      else if (defaults.length > 0) stream.fail("non-default argument follows default argument", offset);
    }
    return { parameters: [...parameters], defaults };
  }
}
