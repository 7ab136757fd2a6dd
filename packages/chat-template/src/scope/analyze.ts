import { childExpressions, type Expression, type Target } from "../parser/expressions.js";
import type { Body, Signature, Statement } from "../parser/statements.js";
import type { Scope } from "./scope.js";

/** Notes what an expression reads. */
export function analyzeExpression(scope: Scope, node: Expression): void {
  if (node.kind === "name") scope.load(node.name);
  for (const child of childExpressions(node)) analyzeExpression(scope, child);
}

export function analyzeTarget(scope: Scope, target: Target, asParameter = false): void {
  if (target.kind === "tuple") for (const item of target.items) analyzeTarget(scope, item, asParameter);
  else if (target.kind === "namespace") scope.load(target.name);
  else if (asParameter) scope.declareParameter(target.name);
  else scope.store(target.name);
}

export function analyzeBody(scope: Scope, body: Body): void {
  for (const statement of body) analyzeStatement(scope, statement);
}

/** The parameters, defaults and body of a macro or call block, within its own scope. */
export function analyzeFunction(scope: Scope, { parameters, defaults }: Signature, body: Body): void {
  for (const name of parameters) scope.declareParameter(name);
  for (const value of defaults) analyzeExpression(scope, value);
  analyzeBody(scope, body);
}

/** What a statement does to the scope that it stands in; what has a scope of its own is looked into when it is compiled. */
function analyzeStatement(scope: Scope, statement: Statement): void {
  switch (statement.kind) {
    case "output":
      for (const expression of statement.expressions) analyzeExpression(scope, expression);
      break;
    case "if":
      analyzeIf(scope, statement.branches, statement.otherwise);
      break;
    case "for":
      analyzeExpression(scope, statement.iterable);
      break;
    case "macro":
      scope.store(statement.name);
      break;
    case "call block":
      analyzeExpression(scope, statement.call);
      break;
    case "assign":
      analyzeExpression(scope, statement.value);
      analyzeTarget(scope, statement.target);
      break;
    case "assign block":
      analyzeTarget(scope, statement.target);
      break;
    case "filter block":
      analyzeExpression(scope, statement.filter);
      break;
    case "with":
      for (const { value } of statement.bindings) analyzeExpression(scope, value);
      break;
    case "other template":
      analyzeExpression(scope, statement.template);
      for (const name of statement.names) scope.store(name);
      break;
    default:
  }
}

/**
 * jinja2 takes an `if` for three branches: the first body, all `elif` together, and the `else`. Within the second, every
 * `elif` is an `if` of its own.
 */
function analyzeIf(scope: Scope, branches: readonly { readonly test: Expression; readonly body: Body }[], otherwise: Body): void {
  const [first, ...others] = branches;
  analyzeExpression(scope, first!.test);
  scope.branch([
    (inner) => analyzeBody(inner, first!.body),
    (inner) => {
      for (const other of others) analyzeIf(inner, [other], []);
    },
    (inner) => analyzeBody(inner, otherwise),
  ]);
}
