import { skipWhitespace } from "./whitespace.js";
import { codePointLength, codePoints, codeUnitIndex } from "./code-points.js";

export interface WrapOptions {
  readonly width: number;
  readonly breakLongWords: boolean;
  readonly breakOnHyphens: boolean;
}

const blank = /^[\t\n\v\f\r ]+$/;
const runs = /[\t\n\v\f\r ]+|[^\t\n\v\f\r ]+/g;
const letter = /^[\p{L}_]$/u;
const wordCharacter = /^[\p{L}\p{N}_]$/u;
const wordPunctuation = /^[\p{L}\p{N}_!"'&.,?]$/u;

function isBlank(chunk: string): boolean {
  return skipWhitespace(chunk, 0) === chunk.length;
}

/** Lines of at most `width` characters, as Python's textwrap breaks one line. */
export function wrapText(text: string, options: WrapOptions): string[] {
  const chunks = (text.match(runs) ?? []).flatMap((run) => (blank.test(run) || !options.breakOnHyphens ? [run] : hyphenParts(run))).toReversed();
  const lines: string[] = [];
  while (chunks.length > 0) {
    if (lines.length > 0 && isBlank(chunks.at(-1)!)) {
      chunks.pop();
      continue;
    }
    const line = takeLine(chunks, options);
    if (line.length > 0 && isBlank(line.at(-1)!)) line.pop();
    if (line.length > 0) lines.push(line.join(""));
  }
  return lines;
}

/** Takes the chunks of one line from the end of `chunks`. */
function takeLine(chunks: string[], options: WrapOptions): string[] {
  const line: string[] = [];
  let length = 0;
  while (chunks.length > 0) {
    const size = codePointLength(chunks.at(-1)!);
    if (length + size > options.width) break;
    line.push(chunks.pop()!);
    length += size;
  }
  const next = chunks.at(-1);
  if (next !== undefined && codePointLength(next) > options.width) takeFromLongWord(chunks, line, options.width - length, options);
  return line;
}

/** A word that is longer than any line. */
function takeFromLongWord(chunks: string[], line: string[], room: number, options: WrapOptions): void {
  const word = chunks.at(-1)!;
  if (options.breakLongWords) {
    // Without room this leaves nothing of the word, and white space in front of it at the end of the line.
    let end = codeUnitIndex(word, room);
    if (options.breakOnHyphens) {
      const hyphen = word.slice(0, end).lastIndexOf("-");
      if (hyphen > 0 && /[^-]/.test(word.slice(0, hyphen))) end = hyphen + 1;
    }
    line.push(word.slice(0, end));
    chunks[chunks.length - 1] = word.slice(end);
    if (end === word.length) chunks.pop();
  } else if (line.length === 0) {
    line.push(chunks.pop()!);
  }
}

/** Cuts a run without white space behind hyphens within words, and around dashes. */
function hyphenParts(run: string): string[] {
  if (!run.includes("-")) return [run];
  const characters = codePoints(run);
  const parts: string[] = [];
  let start = 0;
  const cut = (end: number) => {
    if (end > start) parts.push(characters.slice(start, end).join(""));
    start = end;
  };
  for (let index = 0; index < characters.length; index++) {
    if (characters[index] !== "-") continue;
    let end = index;
    while (characters[end] === "-") end++;
    if (end - index >= 2) {
      if (wordPunctuation.test(characters[index - 1] ?? "") && wordCharacter.test(characters[end] ?? "")) {
        cut(index);
        cut(end);
      }
      index = end - 1;
    } else if (isWordHyphen(characters, index)) {
      cut(index + 1);
    }
  }
  cut(characters.length);
  return parts;
}

/** Two letters, or a letter, a hyphen and a letter, in front; a letter and one more behind. */
function isWordHyphen(characters: readonly string[], index: number): boolean {
  const is = (pattern: RegExp, at: number) => pattern.test(characters[at] ?? "");
  const before = (is(letter, index - 1) && is(letter, index - 2)) || (is(letter, index - 3) && characters[index - 2] === "-" && is(wordPunctuation, index - 1));
  const after = is(letter, index + 1) && (is(letter, index + 2) || (characters[index + 2] === "-" && is(letter, index + 3)));
  return before && after;
}
