import type { Value } from "../values/value.js";

/** The name of a value's Python type, for messages. */
export function typeName(value: Value): string {
  if (value === null) return "NoneType";
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "number":
    case "bigint":
      return "int";
    case "string":
      return "str";
    default:
      return "typeName" in value ? value.typeName : "list";
  }
}
