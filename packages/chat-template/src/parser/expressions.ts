import type { ArithmeticOperator } from "../operations/arithmetic.js";
import type { OrderOperator } from "../operations/ordering.js";
import type { Value } from "../values/value.js";

interface Node {
  /** Where it begins in the source. */
  readonly offset: number;
}

export interface Constant extends Node {
  readonly kind: "constant";
  readonly value: Value;
}

export interface Name extends Node {
  readonly kind: "name";
  readonly name: string;
}

export interface Sequence extends Node {
  readonly kind: "tuple" | "list";
  readonly items: readonly Expression[];
}

export interface DictLiteral extends Node {
  readonly kind: "dict";
  readonly entries: readonly (readonly [key: Expression, value: Expression])[];
}

export interface Conditional extends Node {
  readonly kind: "conditional";
  readonly test: Expression;
  readonly whenTrue: Expression;
  readonly otherwise: Expression | undefined;
}

export interface Arithmetic extends Node {
  readonly kind: "arithmetic";
  readonly operator: ArithmeticOperator;
  readonly left: Expression;
  readonly right: Expression;
}

export interface Logical extends Node {
  readonly kind: "and" | "or";
  readonly left: Expression;
  readonly right: Expression;
}

export interface Unary extends Node {
  readonly kind: "not" | "-" | "+";
  readonly operand: Expression;
}

export type CompareOperator = "==" | "!=" | OrderOperator | "in" | "not in";

export interface Compare extends Node {
  readonly kind: "compare";
  readonly first: Expression;
  readonly rest: readonly { readonly operator: CompareOperator; readonly operand: Expression }[];
}

export interface Concatenation extends Node {
  readonly kind: "concatenation";
  readonly items: readonly Expression[];
}

export interface Attribute extends Node {
  readonly kind: "attribute";
  readonly target: Expression;
  readonly name: string;
}

export interface Item extends Node {
  readonly kind: "item";
  readonly target: Expression;
  readonly key: Expression;
}

export interface Slice extends Node {
  readonly kind: "slice";
  readonly start: Expression | undefined;
  readonly stop: Expression | undefined;
  readonly step: Expression | undefined;
}

export interface CallArguments {
  readonly positional: readonly Expression[];
  readonly named: readonly { readonly name: string; readonly value: Expression }[];
  /** `*values` */
  readonly spread: Expression | undefined;
  /** `**values` */
  readonly namedSpread: Expression | undefined;
}

export interface Call extends Node {
  readonly kind: "call";
  readonly callee: Expression;
  readonly args: CallArguments;
}

export interface Filter extends Node {
  readonly kind: "filter";
  /** Undefined for the filter of a block, which takes the block's text. */
  readonly target: Expression | undefined;
  readonly name: string;
  readonly args: CallArguments;
}

export interface Test extends Node {
  readonly kind: "test";
  readonly target: Expression;
  readonly name: string;
  readonly args: CallArguments;
}

export type Expression =
  | Constant
  | Name
  | Sequence
  | DictLiteral
  | Conditional
  | Arithmetic
  | Logical
  | Unary
  | Compare
  | Concatenation
  | Attribute
  | Item
  | Slice
  | Call
  | Filter
  | Test;

/** What can stand left of `=`. */
export type Target =
  | { readonly kind: "name"; readonly name: string; readonly offset: number }
  | { readonly kind: "namespace"; readonly name: string; readonly attribute: string; readonly offset: number }
  | { readonly kind: "tuple"; readonly items: readonly Target[]; readonly offset: number };

/** The expressions directly within a call's arguments, in the order of evaluation. */
export function argumentExpressions({ positional, named, spread, namedSpread }: CallArguments): Expression[] {
  return [...positional, ...named.map(({ value }) => value), ...[spread, namedSpread].filter((part) => part !== undefined)];
}

/** The expressions directly within one. */
export function childExpressions(node: Expression): readonly Expression[] {
  switch (node.kind) {
    case "constant":
    case "name":
      return [];
    case "tuple":
    case "list":
    case "concatenation":
      return node.items;
    case "dict":
      return node.entries.flat();
    case "conditional":
      return [node.test, node.whenTrue, ...(node.otherwise === undefined ? [] : [node.otherwise])];
    case "arithmetic":
    case "and":
    case "or":
      return [node.left, node.right];
    case "not":
    case "-":
    case "+":
      return [node.operand];
    case "compare":
      return [node.first, ...node.rest.map(({ operand }) => operand)];
    case "attribute":
      return [node.target];
    case "item":
      return [node.target, node.key];
    case "slice":
      return [node.start, node.stop, node.step].filter((part) => part !== undefined);
    case "call":
      return [node.callee, ...argumentExpressions(node.args)];
    case "filter":
      return [...(node.target === undefined ? [] : [node.target]), ...argumentExpressions(node.args)];
    case "test":
      return [node.target, ...argumentExpressions(node.args)];
  }
}
