import type { PythonFloat } from "../values/python-float.js";

export type Operator =
  | "+" | "-" | "*" | "/" | "//" | "%" | "**" | "~" | "[" | "]" | "(" | ")" | "{" | "}"
  | "==" | "!=" | ">" | ">=" | "<" | "<=" | "=" | "." | ":" | "|" | "," | ";";

export type TokenType = "data" | "variable begin" | "variable end" | "block begin" | "block end" | "name" | "string" | "integer" | "float" | "operator" | "end";

export interface Token {
  readonly type: TokenType;
  /** Text of data, names and operators; value of a string. */
  readonly text: string;
  /** Value of a number. */
  readonly number?: number | bigint | PythonFloat;
  /** Of the first code unit, in the source with its line ends normalized. */
  readonly offset: number;
}
