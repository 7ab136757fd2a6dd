import type { CallArguments, Expression } from "./expressions.js";
import type { ExpressionParser } from "./expression-parser.js";

export const noArguments: CallArguments = { positional: [], named: [], spread: undefined, namedSpread: undefined };

/** What stands in the parentheses of a call. */
export function parseArguments(parser: ExpressionParser): CallArguments {
  const { stream } = parser;
  const { offset } = stream.expectOperator("(");
  const positional: Expression[] = [];
  const named = new Map<string, Expression>();
  let spread: Expression | undefined;
  let namedSpread: Expression | undefined;
  const ensure = (holds: boolean) => holds || stream.fail("invalid syntax for function call expression", offset);
  for (let first = true; !stream.isOperator(")"); first = false) {
    if (!first) {
      stream.expectOperator(",");
      if (stream.isOperator(")")) break;
    }
    if (stream.takeOperator("*")) {
      ensure(spread === undefined && namedSpread === undefined);
      spread = parser.parse();
    } else if (stream.takeOperator("**")) {
      ensure(namedSpread === undefined);
      namedSpread = parser.parse();
    } else if (stream.is("name") && stream.next.type === "operator" && stream.next.text === "=") {
      ensure(namedSpread === undefined);
      const name = stream.take().text;
      stream.take();
      if (named.has(name)) stream.fail(`keyword argument repeated: ${name}`, offset);
      named.set(name, parser.parse());
    } else {
      ensure(spread === undefined && namedSpread === undefined && named.size === 0);
      positional.push(parser.parse());
    }
  }
  stream.expectOperator(")");
  return { positional, named: [...named].map(([name, value]) => ({ name, value })), spread, namedSpread };
}

/** In parentheses, or one value without them. */
export function parseTestArguments(parser: ExpressionParser): CallArguments {
  const { stream } = parser;
  if (stream.isOperator("(")) return parseArguments(parser);
  const begins = ["name", "string", "integer", "float"].includes(stream.current.type) || stream.isOperator("[") || stream.isOperator("{");
  if (!begins || ["else", "or", "and"].some((word) => stream.isName(word))) return noArguments;
  if (stream.isName("is")) stream.fail("You cannot chain multiple tests with is");
  return { ...noArguments, positional: [stream.nested(() => parser.postfix(parser.primary()))] };
}
