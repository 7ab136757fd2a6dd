import { isLower, isTitle, isUpper } from "../text/letter-case.js";
import { isPrintable } from "../text/string-representation.js";
import { isWhitespace } from "../text/whitespace.js";
import { type Callee, withParameters } from "./parameters.js";

const letter = /^\p{L}$/u;
const decimal = /^\p{Nd}$/u;
const digit = /^[\p{Nd}²³¹⁰⁴-⁹₀-₉①-⑨⑴-⑼⒈-⒐⓪⓵-⓽⓿❶-❾➀-➈➊-➒፩-፱᧚🄀-🄊]$/u;
/** Also the ideographs that are numbers. */
const numeric = /^[\p{N}〇一七万三九二五亖亿八六兆京億十千四壱壹弐弍弎百肆零]$/u;
const identifier = /^[\p{XID_Start}_]\p{XID_Continue}*$/u;

/** A text in which every character, and at least one, is of a kind. */
function every(holds: (character: string) => boolean): Callee<string> {
  return withParameters({ names: [] }, (state, text) => {
    state.meter.scanText(text.length);
    for (const character of text) if (!holds(character)) return false;
    return text !== "";
  });
}

function whole(holds: (text: string) => boolean): Callee<string> {
  return withParameters({ names: [] }, (state, text) => {
    state.meter.scanText(text.length);
    return holds(text);
  });
}

export function isIdentifier(text: string): boolean {
  return identifier.test(text);
}

/** Methods that say what characters a text has. */
export const kindMethods: Readonly<Record<string, Callee<string>>> = {
  isalpha: every((character) => letter.test(character)),
  isdecimal: every((character) => decimal.test(character)),
  isdigit: every((character) => digit.test(character)),
  isnumeric: every((character) => numeric.test(character)),
  isalnum: every((character) => letter.test(character) || numeric.test(character) || digit.test(character)),
  isspace: every((character) => character.length === 1 && isWhitespace(character.charCodeAt(0))),
  isprintable: whole((text) => Array.from(text).every(isPrintable)),
  // eslint-disable-next-line no-control-regex
  isascii: whole((text) => /^[\x00-\x7f]*$/.test(text)),
  isidentifier: whole(isIdentifier),
  islower: whole(isLower),
  isupper: whole(isUpper),
  istitle: whole(isTitle),
};
