import { TokenizerError } from "@elastic-attention/core";
import { replaceUnit } from "../unicode/replace-unit.js";
import { type PatternSource, translatePattern } from "./pattern-source.js";
import { refuseLongRuns } from "./long-runs.js";
import { searchInTime } from "./time-limit.js";
import { shortened } from "./unsupported-pattern.js";

/** Receives what a pattern finds: the place of a match, or of what lies between two matches. */
export type FoundSpan = (start: number, end: number, matched: boolean) => void;

/** Steps that a search may take at most where it runs without a watch. */
const freeSteps = 1e6;
/** Places that are found under one watch. */
const placesPerWatch = 4096;
/** Characters gone through under one watch. */
const charactersPerWatch = 1 << 18;

/** A pattern of a tokenizer, which cuts texts. A search that runs away is stopped. */
export class Pattern {
  readonly #source: PatternSource | undefined;
  readonly #expression: RegExp;
  readonly #text: string;

  private constructor(text: string, source: PatternSource | undefined) {
    this.#text = text;
    this.#source = source;
    try {
      this.#expression = new RegExp(source?.source ?? literalSource(text), "gv");
    } catch (cause) {
      throw new TokenizerError(`The pattern ${JSON.stringify(shortened(text))} cannot be followed: ${(cause as Error).message.slice(0, 300)}.`, {
        hint: "Take a tokenizer whose patterns are valid Oniguruma expressions.",
        cause,
      });
    }
    // The engine compiles late: what is too large for it must be known now, for both kinds of its strings.
    for (const sample of source === undefined ? [] : ["", "\u0100"]) searchInTime(() => this.#expression.exec(sample), text, 0, true);
    this.#expression.lastIndex = 0;
  }

  /** @throws TokenizerError for an expression that has no equal in JavaScript */
  static expression(text: string): Pattern {
    return new Pattern(text, translatePattern(text));
  }

  /** A text that stands for itself. */
  static literal(text: string): Pattern {
    return new Pattern(text, undefined);
  }

  /**
   * Goes through a text: every match and everything between, in order. Empty matches count, but not right behind another match.
   * @throws TokenizerError when the search takes too long, and for a text of one run that is too long for it
   */
  spans(text: string, found: FoundSpan): void {
    if (this.#source !== undefined && this.#source.repetitions > 0) refuseLongRuns(text);
    const watched = this.#isWatched(text.length);
    const places = new Int32Array(2 * Math.min(placesPerWatch, text.length + 1));
    let before = 0;
    let from = 0;
    while (from >= 0) {
      const start = from;
      const search = (): { count: number; next: number } => this.#search(text, start, before, places);
      const { count, next } = searchInTime(search, this.#text, text.length, watched);
      for (let index = 0; index < count; index++) {
        const [begin, end] = [places[2 * index]!, places[2 * index + 1]!];
        if (before !== begin) found(before, begin, false);
        found(begin, end, true);
        before = end;
      }
      from = next;
    }
    if (before !== text.length) found(before, text.length, false);
  }

  /**
   * A text with every match replaced.
   * @param atStart is told where a match ends that the text begins with.
   */
  replace(text: string, content: string, atStart: (end: number) => void = () => undefined): string {
    if (this.#source === undefined && this.#text !== "") {
      if (text.startsWith(this.#text)) atStart(this.#text.length);
      return this.#text.length === 1 && content.length === 1 ? replaceUnit(text, this.#text, content) : text.replaceAll(this.#text, content.replaceAll("$", "$$$$"));
    }
    if (this.#source !== undefined && this.#source.repetitions === 0 && !this.#source.canBeEmpty) return this.#replaceShort(text, content, atStart);
    let result = "";
    this.spans(text, (start, end, matched) => {
      if (matched && start === 0 && end > 0) atStart(end);
      result += matched ? content : text.slice(start, end);
    });
    return result;
  }

  /** Of matches that have some characters, and not many, the engine can replace all at once. */
  #replaceShort(text: string, content: string, atStart: (end: number) => void): string {
    const expression = this.#expression;
    expression.lastIndex = 0;
    const first = expression.exec(text);
    if (first?.index === 0) atStart(expression.lastIndex);
    return first === null ? text : text.replace(expression, content.replaceAll("$", "$$$$"));
  }

  /** Places of matches from `from` on, as many as fit; `next` is where to go on, -1 at the end. */
  #search(text: string, from: number, lastEnd: number, places: Int32Array): { count: number; next: number } {
    const expression = this.#expression;
    let last = from === 0 ? -1 : lastEnd;
    let position = from;
    let count = 0;
    const pause = from + charactersPerWatch;
    for (;;) {
      if (position > text.length) return { count, next: -1 };
      expression.lastIndex = position;
      const match = expression.exec(text);
      if (match === null) return { count, next: -1 };
      const [begin, end] = [match.index, expression.lastIndex];
      if (begin === end && end === last) {
        position = end + (text.codePointAt(end)! > 0xffff ? 2 : 1);
        continue;
      }
      places[2 * count] = begin;
      places[2 * count + 1] = end;
      count++;
      last = end;
      position = end;
      if (2 * count === places.length || position >= pause) return { count, next: position };
    }
  }

  #isWatched(length: number): boolean {
    if (this.#source === undefined) return false;
    return this.#source.nested ? length > 16 : length ** (this.#source.repetitions + 1) > freeSteps;
  }
}

function literalSource(text: string): string {
  return Array.from(text, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`).join("");
}
