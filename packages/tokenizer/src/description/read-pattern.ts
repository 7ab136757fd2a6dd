import { Pattern } from "../pattern/pattern.js";
import type { Description } from "./description.js";

/** The pattern of a part: `{ "String": ... }`, `{ "Regex": ... }`. */
export function readPattern(part: Description): Pattern {
  const pattern = part.object("pattern");
  const literal = pattern.optionalString("String");
  return literal === undefined ? Pattern.expression(pattern.string("Regex")) : Pattern.literal(literal);
}
