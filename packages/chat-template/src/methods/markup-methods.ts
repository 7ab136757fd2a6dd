import { elements } from "../operations/iteration.js";
import { BraceFormat } from "../text/brace-format.js";
import { formatValue } from "../text/format-spec.js";
import { escapeHtml, stripTags, unescapeHtml } from "../text/html.js";
import { Markup } from "../values/markup.js";
import { PythonTuple } from "../values/python-tuple.js";
import type { Value } from "../values/value.js";
import type { Callee } from "./parameters.js";

/** Methods that Markup has besides those of a str, or has otherwise. */
export const markupMethods: Readonly<Record<string, Callee<Markup>>> = {
  striptags: (_, markup) => stripTags(markup.value),
  unescape: (_, markup) => unescapeHtml(markup.value),
  format: (state, markup, positional, named) => {
    const safe = (value: Value, spec: string) => (value instanceof Markup && spec === "" ? value.value : escapeHtml(formatValue(state, value, spec)));
    return new Markup(new BraceFormat(state, positional, named, safe).format(markup.value));
  },
};

/** A str's method on Markup: what goes in is escaped, and the texts that come out are Markup. */
export function onMarkup(name: string, method: Callee<string>): Callee<Markup> {
  return (state, markup, positional, named) => {
    const args = name === "join" ? [elements(state, positional[0] ?? []).map((part) => escapeText(part))] : name === "replace" ? escapeSecond(positional) : positional;
    return marked(method(state, markup.value, args, named));
  };
}

function escapeText(value: Value): Value {
  return typeof value === "string" ? escapeHtml(value) : value;
}

function escapeSecond(values: readonly Value[]): Value[] {
  return values.map((value, index) => (index === 1 ? escapeText(value) : value));
}

function marked(value: Value): Value {
  if (typeof value === "string") return new Markup(value);
  if (Array.isArray(value)) return value.map(marked);
  return value instanceof PythonTuple ? new PythonTuple(value.items.map(marked)) : value;
}

