import type { Expression } from "./expressions.js";
import type { Parser } from "./parser.js";
import type { Body, Statement } from "./statements.js";

export type TagParser = (parser: Parser, offset: number) => Statement;

function parseIf(parser: Parser, offset: number): Statement {
  const branches: { test: Expression; body: Body }[] = [];
  for (;;) {
    const test = parser.expressions.parseTuple({ withConditional: false });
    branches.push({ test, body: parser.body(["elif", "else", "endif"], false) });
    const { text } = parser.stream.take();
    if (text === "elif") continue;
    return { kind: "if", branches, otherwise: text === "else" ? parser.body(["endif"]) : [], offset };
  }
}

function parseFor(parser: Parser, offset: number): Statement {
  const { stream, expressions } = parser;
  const target = parser.target({ endNames: ["in"] });
  stream.expectName("in");
  const iterable = expressions.parseTuple({ withConditional: false, endNames: ["recursive"] });
  const test = stream.takeName("if") ? expressions.parse() : undefined;
  const recursive = stream.takeName("recursive");
  const body = parser.body(["endfor", "else"], false);
  const otherwise = stream.take().text === "else" ? parser.body(["endfor"]) : undefined;
  return { kind: "for", target, iterable, test, recursive, body, otherwise, offset };
}

function parseSet(parser: Parser, offset: number): Statement {
  const target = parser.target({ withNamespace: true });
  if (parser.stream.takeOperator("=")) return { kind: "assign", target, value: parser.expressions.parseTuple(), offset };
  const filter = parser.expressions.filters(undefined);
  return { kind: "assign block", target, filter, body: parser.body(["endset"]), offset };
}

function parseCall(parser: Parser, offset: number): Statement {
  const signature = parser.stream.isOperator("(") ? parser.signature() : { parameters: [], defaults: [] };
  const call = parser.expressions.parse();
  if (call.kind !== "call") return parser.stream.fail("expected call", call.offset);
  return { kind: "call block", signature, call, body: parser.body(["endcall"]), offset };
}

function parseWith(parser: Parser, offset: number): Statement {
  const bindings = [];
  while (!parser.stream.is("block end")) {
    if (bindings.length > 0) parser.stream.expectOperator(",");
    const target = parser.target({ withTuple: false });
    parser.stream.expectOperator("=");
    bindings.push({ target, value: parser.expressions.parse() });
  }
  return { kind: "with", bindings, body: parser.body(["endwith"]), offset };
}

function parseBlock(parser: Parser, offset: number): Statement {
  const { stream } = parser;
  const name = stream.expect("name").text;
  const scoped = stream.takeName("scoped");
  const required = stream.takeName("required");
  const body = parser.body(["endblock"]);
  if (required && body.some((statement) => statement.kind !== "text" || statement.text.trim() !== "")) {
    stream.fail("Required blocks can only contain comments or whitespace", offset);
  }
  stream.takeName(name);
  return { kind: "block", name, scoped, required, body, offset };
}

function parseInclude(parser: Parser, offset: number): Statement {
  const template = parser.expressions.parse();
  if (parser.stream.takeName("ignore")) parser.stream.expectName("missing");
  skipContext(parser);
  return { kind: "other template", tag: "include", template, names: [], offset };
}

function parseImport(parser: Parser, offset: number): Statement {
  const template = parser.expressions.parse();
  parser.stream.expectName("as");
  const names = [parser.name()];
  skipContext(parser);
  return { kind: "other template", tag: "import", template, names, offset };
}

function parseFrom(parser: Parser, offset: number): Statement {
  const { stream } = parser;
  const template = parser.expressions.parse();
  stream.expectName("import");
  const names: string[] = [];
  while (!stream.is("block end") && !skipContext(parser)) {
    if (names.length > 0) stream.expectOperator(",");
    const name = parser.name();
    names.push(stream.takeName("as") ? parser.name() : name);
  }
  return { kind: "other template", tag: "from", template, names, offset };
}

/** `with context` and `without context`. */
function skipContext(parser: Parser): boolean {
  const { stream } = parser;
  if (!(stream.isName("with") || stream.isName("without")) || stream.next.text !== "context") return false;
  stream.take();
  stream.take();
  return true;
}

/** Every tag of jinja2, its loop controls, and transformers' `generation`. */
export const tagParsers: ReadonlyMap<string, TagParser> = new Map<string, TagParser>([
  ["if", parseIf],
  ["for", parseFor],
  ["set", parseSet],
  ["call", parseCall],
  ["with", parseWith],
  ["block", parseBlock],
  ["include", parseInclude],
  ["import", parseImport],
  ["from", parseFrom],
  ["extends", (parser, offset) => ({ kind: "other template", tag: "extends", template: parser.expressions.parse(), names: [], offset })],
  ["macro", (parser, offset) => ({ kind: "macro", name: parser.name(), signature: parser.signature(), body: parser.body(["endmacro"]), offset })],
  ["filter", (parser, offset) => ({ kind: "filter block", filter: parser.expressions.filters(undefined, true)!, body: parser.body(["endfilter"]), offset })],
  ["autoescape", (parser, offset) => ({ kind: "autoescape", enabled: parser.expressions.parse(), body: parser.body(["endautoescape"]), offset })],
  ["generation", (parser, offset) => ({ kind: "generation", body: parser.body(["endgeneration"]), offset })],
  ["print", parsePrint],
  ["break", (_, offset) => ({ kind: "break", offset })],
  ["continue", (_, offset) => ({ kind: "continue", offset })],
]);

function parsePrint(parser: Parser, offset: number): Statement {
  const expressions: Expression[] = [];
  while (!parser.stream.is("block end")) {
    if (expressions.length > 0) parser.stream.expectOperator(",");
    expressions.push(parser.expressions.parse());
  }
  return { kind: "output", expressions, offset };
}
