import type { RenderState } from "../compiler/render-state.js";
import { codePointLength } from "../text/code-points.js";
import { type Arguments, type Callee, integerArgument, textArgument, typeError, withParameters } from "./parameters.js";

/** How many characters are missing from the width, and what fills them. */
function filling(state: RenderState, text: string, [width, fill]: Arguments): { missing: number; width: number; fill: string } {
  const filler = fill === undefined ? " " : textArgument(fill);
  if (codePointLength(filler) !== 1) throw typeError("The fill character must be exactly one character long");
  const wanted = integerArgument(width!);
  const missing = Math.max(0, wanted - codePointLength(text));
  state.meter.makeText(missing + text.length);
  return { missing, width: wanted, fill: filler };
}

/** Python's `str.center`: of an odd number the smaller half is left when the width is even. */
export function center(state: RenderState, text: string, args: Arguments): string {
  const { missing, width, fill } = filling(state, text, args);
  const left = Math.floor(missing / 2) + (missing % 2 === 1 && width % 2 === 1 ? 1 : 0);
  return fill.repeat(left) + text + fill.repeat(missing - left);
}

function zeroFill(state: RenderState, text: string, [width]: Arguments): string {
  const { missing } = filling(state, text, [width]);
  const sign = text.startsWith("-") || text.startsWith("+") ? text[0]! : "";
  return sign + "0".repeat(missing) + text.slice(sign.length);
}

function expandTabs(state: RenderState, text: string, [size]: Arguments): string {
  const width = size === undefined ? 8 : Math.max(0, integerArgument(size));
  state.meter.scanText(text.length);
  let column = 0;
  let expanded = "";
  for (const character of text) {
    if (character === "\t") {
      const spaces = width === 0 ? 0 : width - (column % width);
      state.meter.allocate(spaces);
      expanded += " ".repeat(spaces);
      column += spaces;
    } else {
      expanded += character;
      column = character === "\n" || character === "\r" ? 0 : column + 1;
    }
  }
  return expanded;
}

const widthAndFill = { names: ["width", "fillchar"], required: 1, byName: false };

/** Methods that fill a text up to a width. */
export const layoutMethods: Readonly<Record<string, Callee<string>>> = {
  center: withParameters(widthAndFill, center),
  ljust: withParameters(widthAndFill, (state, text, args) => {
    const { missing, fill } = filling(state, text, args);
    return text + fill.repeat(missing);
  }),
  rjust: withParameters(widthAndFill, (state, text, args) => {
    const { missing, fill } = filling(state, text, args);
    return fill.repeat(missing) + text;
  }),
  zfill: withParameters({ names: ["width"], required: 1, byName: false }, zeroFill),
  expandtabs: withParameters({ names: ["tabsize"] }, expandTabs),
};
