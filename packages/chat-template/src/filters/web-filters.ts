import type { RenderState } from "../compiler/render-state.js";
import { type Arguments, type Callee, integerArgument, textArgument, typeError, valueError, withParameters } from "../methods/parameters.js";
import { elements, iterateIfPossible } from "../operations/iteration.js";
import { isTruthy } from "../operations/truth.js";
import { typeName } from "../operations/type-name.js";
import { stripTags } from "../text/html.js";
import { linkUrls } from "../text/link-urls.js";
import { isWhitespace } from "../text/whitespace.js";
import { Markup } from "../values/markup.js";
import { PythonDict } from "../values/python-dict.js";
import { Undefined } from "../values/undefined.js";
import { given, type Value } from "../values/value.js";

function quoteUrl(state: RenderState, value: Value, inQuery: boolean): string {
  const text = state.printer.text(value);
  state.meter.makeText(3 * text.length);
  // A lone surrogate has no UTF-8; Python raises there.
  if (/\p{Surrogate}/u.test(text)) throw valueError("surrogates not allowed");
  const quoted = encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  return inQuery ? quoted.replaceAll("%20", "+") : quoted.replaceAll("%2F", "/");
}

function encodeUrl(state: RenderState, value: Value): Value {
  if (typeof value === "string" || value instanceof Markup || iterateIfPossible(state, value) === undefined) return quoteUrl(state, value, false);
  const pairs = value instanceof PythonDict ? value.entries() : elements(state, value).map((pair) => elements(state, pair));
  return pairs
    .map((pair) => {
      if (pair.length !== 2) throw valueError(`expected pairs, got ${pair.length} values`);
      return `${quoteUrl(state, pair[0]!, true)}=${quoteUrl(state, pair[1]!, true)}`;
    })
    .join("&");
}

function attributes(state: RenderState, value: Value, [autospace]: Arguments): Value {
  if (!(value instanceof PythonDict)) throw typeError(`xmlattr wants a dict, not ${typeName(value)}`);
  const parts: string[] = [];
  for (const [key, item] of value.entries()) {
    if (item === null || item instanceof Undefined) continue;
    const name = textArgument(key);
    if (Array.from(name).some((character) => "/>=".includes(character) || isWhitespace(character.charCodeAt(0)))) {
      throw valueError(`Invalid character in attribute name: '${name}'`);
    }
    parts.push(`${state.escaped(name)}="${state.escaped(item)}"`);
  }
  const text = parts.length > 0 && isTruthy(given(autospace, true)) ? ` ${parts.join(" ")}` : parts.join(" ");
  return state.autoescape ? new Markup(text) : text;
}

function urlize(state: RenderState, value: Value, [trimLimit, nofollow, target, rel, extraSchemes]: Arguments): Value {
  const text = state.printer.text(value);
  state.meter.allocate(32 * text.length);
  const relations = new Set((rel ?? null) === null ? [] : textArgument(rel).split(/\s+/).filter((part) => part !== ""));
  if (isTruthy(nofollow ?? false)) relations.add("nofollow");
  relations.add("noopener");
  const linked = linkUrls(text, {
    trimLimit: (trimLimit ?? null) === null ? undefined : integerArgument(trimLimit!),
    target: (target ?? null) === null ? undefined : textArgument(target),
    rel: [...relations].sort().join(" "),
    extraSchemes: (extraSchemes ?? null) === null ? [] : elements(state, extraSchemes!).map((scheme) => textArgument(scheme)),
  });
  state.meter.makeText(linked.length);
  return state.autoescape ? new Markup(linked) : linked;
}

/** Filters that write or read HTML and URLs. */
export const webFilters: Readonly<Record<string, Callee>> = {
  striptags: withParameters({ names: [] }, (state, value) => {
    const text = state.printer.text(value);
    state.meter.allocate(16 * text.length);
    return stripTags(text);
  }),
  urlencode: withParameters({ names: [] }, encodeUrl),
  urlize: withParameters({ names: ["trim_url_limit", "nofollow", "target", "rel", "extra_schemes"] }, urlize),
  xmlattr: withParameters({ names: ["autospace"] }, attributes),
};
