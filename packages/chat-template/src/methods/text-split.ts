import type { RenderState } from "../compiler/render-state.js";
import { isWhitespace, skipWhitespace, trimEnd } from "../text/whitespace.js";
import { PythonTuple } from "../values/python-tuple.js";
import type { Value } from "../values/value.js";
import { type Arguments, type Callee, integerArgument, textArgument, valueError, withParameters } from "./parameters.js";

/** What one split may do: a separator, or runs of white space; how often, endless when negative. */
function splitting([separator, times]: Arguments): { separator: string | undefined; times: number } {
  const text = separator === undefined || separator === null ? undefined : textArgument(separator);
  if (text === "") throw valueError("empty separator");
  const limit = times === undefined ? -1 : integerArgument(times);
  return { separator: text, times: limit < 0 ? Number.POSITIVE_INFINITY : limit };
}

function measured(state: RenderState, text: string, parts: string[]): string[] {
  state.meter.scanText(text.length);
  state.meter.makeList(3 * parts.length);
  return parts;
}

function split(state: RenderState, text: string, args: Arguments): string[] {
  const { separator, times } = splitting(args);
  if (separator === undefined) return measured(state, text, splitWhitespace(text, times));
  const parts: string[] = [];
  let from = 0;
  for (let at = text.indexOf(separator); at >= 0 && parts.length < times; at = text.indexOf(separator, from)) {
    parts.push(text.slice(from, at));
    from = at + separator.length;
  }
  parts.push(text.slice(from));
  return measured(state, text, parts);
}

/** The words of a text; after `times` splits the rest stays whole, but for white space in front of it. */
export function splitWhitespace(text: string, times = Number.POSITIVE_INFINITY): string[] {
  const parts: string[] = [];
  let from = skipWhitespace(text, 0);
  while (from < text.length) {
    if (parts.length >= times) {
      // Python keeps the white space at the end of the rest.
      parts.push(text.slice(from));
      return parts;
    }
    let to = from;
    while (to < text.length && !isWhitespace(text.charCodeAt(to))) to++;
    parts.push(text.slice(from, to));
    from = skipWhitespace(text, to);
  }
  return parts;
}

function splitFromRight(state: RenderState, text: string, args: Arguments): string[] {
  const { separator, times } = splitting(args);
  if (separator === undefined) return measured(state, text, splitWhitespaceFromRight(text, times));
  const parts: string[] = [];
  let to = text.length;
  while (parts.length < times && to >= separator.length) {
    const at = text.lastIndexOf(separator, to - separator.length);
    if (at < 0) break;
    parts.push(text.slice(at + separator.length, to));
    to = at;
  }
  parts.push(text.slice(0, to));
  return measured(state, text, parts.toReversed());
}

function splitWhitespaceFromRight(text: string, times: number): string[] {
  const parts: string[] = [];
  let rest = trimEnd(text);
  while (rest.length > 0) {
    if (parts.length >= times) {
      parts.push(rest);
      break;
    }
    let from = rest.length;
    while (from > 0 && !isWhitespace(rest.charCodeAt(from - 1))) from--;
    parts.push(rest.slice(from));
    rest = trimEnd(rest.slice(0, from));
  }
  return parts.toReversed();
}

/** Code units that end a line for `splitlines`; a carriage return with a line feed is one end. */
// eslint-disable-next-line no-control-regex
const lineEnds = /\r\n|[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]/g;

/** Python's `str.splitlines`. */
export function splitLines(text: string, keepEnds = false): string[] {
  const lines: string[] = [];
  let from = 0;
  for (const match of text.matchAll(lineEnds)) {
    const end = match.index + match[0].length;
    lines.push(text.slice(from, keepEnds ? end : match.index));
    from = end;
  }
  if (from < text.length) lines.push(text.slice(from));
  return lines;
}

function partition(text: string, [separator]: Arguments, last: boolean): PythonTuple {
  const wanted = textArgument(separator);
  if (wanted === "") throw valueError("empty separator");
  const at = last ? text.lastIndexOf(wanted) : text.indexOf(wanted);
  if (at < 0) return new PythonTuple(last ? ["", "", text] : [text, "", ""]);
  return new PythonTuple([text.slice(0, at), wanted, text.slice(at + wanted.length)]);
}

const separation = { names: ["sep", "maxsplit"] };
const separator = { names: ["sep"], required: 1, byName: false };

/** Methods that cut a text into pieces. */
export const splitMethods: Readonly<Record<string, Callee<string>>> = {
  split: withParameters(separation, split),
  rsplit: withParameters(separation, splitFromRight),
  splitlines: withParameters({ names: ["keepends"] }, (state, text, [keepEnds]) => measured(state, text, splitLines(text, isKept(keepEnds)))),
  partition: withParameters(separator, (state, text, args) => (state.meter.scanText(text.length), partition(text, args, false))),
  rpartition: withParameters(separator, (state, text, args) => (state.meter.scanText(text.length), partition(text, args, true))),
};

function isKept(value: Value | undefined): boolean {
  return value !== undefined && integerArgument(value) !== 0;
}
