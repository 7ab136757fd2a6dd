import type { RenderState } from "../compiler/render-state.js";
import { getItem } from "../operations/subscript.js";
import { Markup } from "../values/markup.js";
import { Undefined } from "../values/undefined.js";
import type { Value } from "../values/value.js";

export type Getter = (item: Value) => Value;

/**
 * Reads what an `attribute` argument names: `"address.city"`, `"0"`, or a number.
 *
 * @param fallback stands for what does not exist, null for none
 */
export function attributeGetter(state: RenderState, attribute: Value | undefined, { caseSensitive = true, fallback = null as Value } = {}): Getter {
  const parts = attributeParts(attribute ?? null);
  return (item) => {
    let value = item;
    for (const part of parts) {
      value = getItem(state, value, part);
      if (fallback !== null && value instanceof Undefined) value = fallback;
    }
    return caseSensitive ? value : ignoreCase(value);
  };
}

function attributeParts(attribute: Value): Value[] {
  if (attribute === null) return [];
  const text = attribute instanceof Markup ? attribute.value : attribute;
  return typeof text === "string" ? text.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part)) : [attribute];
}

/** Several attributes, separated by commas, as a list to sort by. */
export function attributesGetter(state: RenderState, attributes: Value | undefined, caseSensitive: boolean): Getter {
  const names = typeof attributes === "string" ? attributes.split(",") : [attributes];
  const getters = names.map((name) => attributeGetter(state, name, { caseSensitive }));
  return (item) => getters.map((getter) => getter(item));
}

export function ignoreCase(value: Value): Value {
  if (typeof value === "string") return value.toLowerCase();
  return value instanceof Markup ? value.value.toLowerCase() : value;
}
