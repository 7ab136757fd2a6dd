import { childExpressions, type Expression, type Target } from "../parser/expressions.js";
import type { Body, Statement } from "../parser/statements.js";

/** Which of the names are read somewhere in a body, outside of blocks, before the body sets them. */
export function readNames(body: Body, names: readonly string[]): Set<string> {
  const wanted = new Set(names);
  const found = new Set<string>();
  const visitExpression = (node: Expression): void => {
    if (node.kind === "name" && wanted.has(node.name)) found.add(node.name);
    for (const child of childExpressions(node)) visitExpression(child);
  };
  const visitBody = (statements: Body): void => {
    for (const statement of statements) {
      for (const name of directlySetNames(statement)) wanted.delete(name);
      for (const expression of directExpressions(statement)) visitExpression(expression);
      for (const inner of innerBodies(statement)) visitBody(inner);
    }
  };
  visitBody(body);
  return found;
}

/** The names that a statement itself sets, in its own scope or an inner one. */
function directlySetNames(statement: Statement): readonly string[] {
  switch (statement.kind) {
    case "for":
    case "assign":
    case "assign block":
      return targetNames(statement.target);
    case "with":
      return statement.bindings.flatMap(({ target }) => targetNames(target));
    case "macro":
    case "call block":
      return statement.signature.parameters;
    default:
      return [];
  }
}

/** The names of a target; what is set of a namespace is none. */
export function targetNames(target: Target): readonly string[] {
  if (target.kind === "tuple") return target.items.flatMap(targetNames);
  return target.kind === "name" ? [target.name] : [];
}

/** The expressions of a statement that are not within an inner body. */
function directExpressions(statement: Statement): readonly Expression[] {
  switch (statement.kind) {
    case "output":
      return statement.expressions;
    case "if":
      return statement.branches.map(({ test }) => test);
    case "for":
      return [statement.iterable, ...(statement.test === undefined ? [] : [statement.test])];
    case "macro":
      return statement.signature.defaults;
    case "call block":
      return [statement.call, ...statement.signature.defaults];
    case "assign":
      return [statement.value];
    case "assign block":
      return statement.filter === undefined ? [] : [statement.filter];
    case "filter block":
      return [statement.filter];
    case "with":
      return statement.bindings.map(({ value }) => value);
    case "autoescape":
      return [statement.enabled];
    case "other template":
      return [statement.template];
    default:
      return [];
  }
}

/** The bodies within a statement; a block is a template of its own in this. */
export function innerBodies(statement: Statement, withBlocks = false): readonly Body[] {
  switch (statement.kind) {
    case "if":
      return [...statement.branches.map(({ body }) => body), statement.otherwise];
    case "for":
      return statement.otherwise === undefined ? [statement.body] : [statement.body, statement.otherwise];
    case "macro":
    case "call block":
    case "generation":
    case "assign block":
    case "filter block":
    case "with":
    case "autoescape":
      return [statement.body];
    case "block":
      return withBlocks ? [statement.body] : [];
    default:
      return [];
  }
}

/** Whether a condition holds for a statement of a body, however deep. */
export function someStatement(body: Body, holds: (statement: Statement) => boolean): boolean {
  return body.some((statement) => holds(statement) || innerBodies(statement, true).some((inner) => someStatement(inner, holds)));
}
