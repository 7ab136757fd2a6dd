import { repeated } from "./grammar-text.js";
import type { Inner } from "./object-expression.js";
import { refusedSchema } from "./refused-schema.js";
import { countOf, type SchemaNode } from "./schema-node.js";

/** A list has to be so long at most: a longer one may be asked for, not required. */
const longestNeeded = 1000;

/** A list under a schema. @throws InvalidRequestError for what cannot be enforced */
export function listExpression(schema: SchemaNode, at: string, inner: Inner): string {
  const { prefixItems, items, uniqueItems } = schema;
  if (uniqueItems !== undefined && uniqueItems !== false) throw refusedSchema(`${at}/uniqueItems`, "cannot be enforced while an answer is written");
  if (prefixItems !== undefined && !Array.isArray(prefixItems)) throw refusedSchema(`${at}/prefixItems`, "must be a list");
  const first = ((prefixItems ?? []) as readonly unknown[]).map((item, index) => inner(item, `${at}/prefixItems/${index}`));
  const least = countOf(schema, "minItems", at) ?? 0;
  // Behind those that are named there are others only where they are spoken of.
  const hasOthers = items !== false && (items !== undefined || first.length === 0);
  const most = Math.min(countOf(schema, "maxItems", at) ?? Infinity, hasOthers ? Infinity : first.length);
  if (least > most) throw refusedSchema(`${at}/minItems`, "no list is that long and that short");
  if (least > longestNeeded) throw refusedSchema(`${at}/minItems`, `a list can be made ${longestNeeded} long at most`);
  const named = first.slice(0, most);
  let behind = "";
  if (most > named.length) {
    const other = inner(items ?? true, `${at}/items`);
    const [fewest, rest] = [Math.max(0, least - named.length), most - named.length];
    behind = named.length > 0 ? repeated(`ws "," ws ${other}`, fewest, rest) : repeated(`${other} ${repeated(`ws "," ws ${other}`, Math.max(0, fewest - 1), rest - 1)}`, Math.min(1, fewest), 1);
  }
  for (const [index, item] of [...named.entries()].toReversed()) behind = repeated(`${index === 0 ? "" : 'ws "," ws '}${item} ${behind}`.trim(), index < least ? 1 : 0, 1);
  return `"[" ws ${behind} ws "]"`.replace("  ", " ");
}
