import { CharacterClassReader } from "./character-class.js";
import { caseVariants, hasJoinedFold } from "./case-folding.js";
import { wordClass } from "./class-source.js";
import { SourceCursor } from "./source-cursor.js";
import { unsupportedPattern } from "./unsupported-pattern.js";

/** Patterns of tokenizers have a few hundred characters. */
const longestPattern = 5000;
/** How deep groups of a pattern may be nested. */
const deepest = 200;

/** A pattern in JavaScript's words. */
export interface PatternSource {
  readonly source: string;
  /** How many repetitions without an end can stand behind one another: the exponent of the time a match can take. */
  readonly repetitions: number;
  /** Whether such a repetition stands inside another. */
  readonly nested: boolean;
  /** Whether a match can have no characters. */
  readonly canBeEmpty: boolean;
}

interface Options {
  readonly ignoreCase: boolean;
  /** Whether the dot takes line breaks. */
  readonly dotAll: boolean;
  /** Whether spaces and comments of the pattern do not count. */
  readonly extended: boolean;
}

interface Part extends PatternSource {
  /** How many rounds repetitions with a least number make where nothing is left to match. */
  readonly emptyRounds: number;
}

const oneCharacter: Part = { source: "", repetitions: 0, nested: false, canBeEmpty: false, emptyRounds: 1 };
const noCharacter: Part = { ...oneCharacter, canBeEmpty: true };
/** The engine cannot be stopped in them. */
const mostEmptyRounds = 50_000;

/**
 * Says a pattern of Oniguruma (Ruby's syntax, Unicode) as a source for JavaScript's `v` flag that matches exactly the same.
 * @throws TokenizerError for what has no equal
 */
export function translatePattern(pattern: string): PatternSource {
  if (pattern.length > longestPattern) throw unsupportedPattern(pattern, `it has more than ${longestPattern} characters`);
  return new Translator(pattern).whole();
}

class Translator {
  readonly #cursor: SourceCursor;
  readonly #classes: CharacterClassReader;
  #captures = 0;

  constructor(pattern: string) {
    this.#cursor = new SourceCursor(pattern);
    this.#classes = new CharacterClassReader(this.#cursor);
  }

  whole(): PatternSource {
    const part = this.#alternatives({ ignoreCase: false, dotAll: false, extended: false }, 0);
    if (!this.#cursor.done) this.#cursor.refuse("a closing parenthesis has no opening one");
    return part;
  }

  #alternatives(options: Options, depth: number): Part {
    if (depth > deepest) this.#cursor.refuse("groups are nested too deep");
    const parts = [this.#sequence(options, depth)];
    while (this.#cursor.take("|")) parts.push(this.#sequence(options, depth));
    return {
      source: parts.map((part) => part.source).join("|"),
      repetitions: Math.max(...parts.map((part) => part.repetitions)),
      nested: parts.some((part) => part.nested),
      canBeEmpty: parts.some((part) => part.canBeEmpty),
      emptyRounds: parts.reduce((sum, part) => sum + part.emptyRounds, 0),
    };
  }

  #sequence(outer: Options, depth: number): Part {
    let options = outer;
    const parts: Part[] = [];
    let literals = "";
    while (!this.#cursor.done && !this.#cursor.at("|") && !this.#cursor.at(")")) {
      if (options.extended && this.#skipped()) continue;
      const switched = this.#optionSwitch(options);
      if (switched !== undefined) {
        // The options hold to the end of the group, alternatives that follow included.
        options = switched;
        const rest = this.#alternatives(options, depth + 1);
        parts.push({ ...rest, source: `(?:${rest.source})` });
        break;
      }
      const start = this.#cursor.position;
      const atom = this.#atom(options, depth);
      literals = atom.literal === undefined ? "" : literals + atom.literal;
      if (options.ignoreCase && literals !== "" && hasJoinedFold(literals)) {
        this.#cursor.refuse(`letters that fold to one letter together (${literals.slice(-3)}) under (?i)`);
      }
      const repeated = this.#quantified(atom, options);
      if (repeated !== atom && this.#cursor.position > start) literals = "";
      parts.push(repeated);
    }
    return {
      source: parts.map((part) => part.source).join(""),
      repetitions: parts.reduce((sum, part) => sum + part.repetitions, 0),
      nested: parts.some((part) => part.nested),
      canBeEmpty: parts.every((part) => part.canBeEmpty),
      emptyRounds: parts.reduce((sum, part) => sum + part.emptyRounds, 0),
    };
  }

  #atom(options: Options, depth: number): Part & { literal?: string } {
    const cursor = this.#cursor;
    if (cursor.take("(")) return this.#group(options, depth);
    if (cursor.at("[")) return { ...oneCharacter, source: this.#classes.read(options.ignoreCase) };
    if (cursor.take(".")) return { ...oneCharacter, source: options.dotAll ? "[^]" : "[^\\n]" };
    if (cursor.take("^")) return { ...noCharacter, source: "(?:^|(?<=\\n)(?!$))" };
    if (cursor.take("$")) return { ...noCharacter, source: "(?=\\n|$)" };
    if (cursor.at("\\")) return this.#escape(options);
    const character = cursor.next();
    if ("*+?".includes(character)) cursor.refuse(`nothing stands before ${character}`);
    return this.#literal(character, options);
  }

  #literal(character: string, options: Options): Part & { literal: string } {
    const variants = options.ignoreCase ? caseVariants(character) : [character];
    const codes = variants.map((one) => `\\u{${one.codePointAt(0)!.toString(16)}}`).join("");
    return { ...oneCharacter, source: variants.length === 1 ? codes : `[${codes}]`, literal: character };
  }

  #escape(options: Options): Part & { literal?: string } {
    const cursor = this.#cursor;
    const after = cursor.peek(1);
    switch (after) {
      case "b":
      case "B": {
        cursor.skip(2);
        const [inside, outside] = [`(?<=${wordClass})(?=${wordClass})`, `(?<!${wordClass})(?!${wordClass})`];
        const [opens, closes] = [`(?<!${wordClass})(?=${wordClass})`, `(?<=${wordClass})(?!${wordClass})`];
        return { ...noCharacter, source: after === "b" ? `(?:${opens}|${closes})` : `(?:${inside}|${outside})` };
      }
      case "A":
        cursor.skip(2);
        return { ...noCharacter, source: "^" };
      case "z":
        cursor.skip(2);
        return { ...noCharacter, source: "$" };
      case "Z":
        cursor.skip(2);
        return { ...noCharacter, source: "(?=\\n?$)" };
      case "R":
        cursor.skip(2);
        return this.#atomic("\\r\\n|[\\n-\\r\\x85\\u2028\\u2029]", oneCharacter);
      case "N":
        cursor.skip(2);
        return { ...oneCharacter, source: "[^\\n]" };
      case "O":
        cursor.skip(2);
        return { ...oneCharacter, source: "[^]" };
      default: {
        const shorthand = this.#classes.shorthand();
        if (shorthand !== undefined) return { ...oneCharacter, source: shorthand };
        return this.#literal(this.#classes.escapedCharacter(), options);
      }
    }
  }

  #group(options: Options, depth: number): Part {
    const cursor = this.#cursor;
    const around = ["?=", "?!", "?<=", "?<!"].find((opening) => cursor.take(opening));
    if (around !== undefined) return { ...this.#closed(`(${around}`, options, depth), canBeEmpty: true };
    if (cursor.take("?>")) {
      this.#captures++;
      const number = this.#captures;
      const body = this.#alternatives(options, depth + 1);
      this.#close();
      return { ...body, source: `(?=(${body.source}))\\${number}(?:)` };
    }
    if (cursor.take("?#")) {
      while (!cursor.done && !cursor.at(")")) cursor.next();
      this.#close();
      return { ...noCharacter, source: "(?:)" };
    }
    const scoped = cursor.match(/^\?([imx]*)(?:-([imx]*))?:/u);
    if (scoped !== undefined) return this.#closed("(?:", changed(options, scoped[1]!, scoped[2] ?? ""), depth);
    if (cursor.match(/^\?<[\p{L}_][\p{L}\p{N}_]*>|^\?'[\p{L}_][\p{L}\p{N}_]*'/u) !== undefined || !cursor.at("?")) return this.#closed("(?:", options, depth);
    return cursor.refuse(`the group (${cursor.peek(0)}${cursor.peek(1)}`);
  }

  #closed(opening: string, options: Options, depth: number): Part {
    const body = this.#alternatives(options, depth + 1);
    this.#close();
    return { ...body, source: `${opening}${body.source})` };
  }

  #close(): void {
    if (!this.#cursor.take(")")) this.#cursor.refuse("a group is not closed");
  }

  /** What matches is not given back, as a capture inside a look-ahead never is. */
  #atomic(source: string, part: Part): Part {
    // Captures count in the order of their opening parentheses, so that the ones inside keep theirs only when there are none.
    if (/\\\d/u.test(source)) this.#cursor.refuse("an atomic group inside a possessive repetition");
    this.#captures++;
    return { ...part, source: `(?:(?=(${source}))\\${this.#captures})` };
  }

  #quantified(atom: Part, options: Options): Part {
    let part = atom;
    let first = true;
    for (;;) {
      if (options.extended) while (this.#skipped());
      const quantifier = this.#cursor.quantifier();
      if (quantifier === undefined) return part;
      const { least, most, mode } = quantifier;
      const endless = most === Infinity;
      const body = first && isSingle(part.source) ? part.source : `(?:${part.source})`;
      const bounds = least === 0 && most === 1 ? "?" : least === 0 && endless ? "*" : least === 1 && endless ? "+" : `{${least},${endless ? "" : most}}`;
      const emptyRounds = Math.max(1, part.emptyRounds) * (part.canBeEmpty ? Math.max(1, least) : 1);
      if (emptyRounds > mostEmptyRounds) this.#cursor.refuse("it repeats what can be empty too often");
      const grown: Part = {
        canBeEmpty: least === 0 || part.canBeEmpty,
        emptyRounds,
        source: `${body}${bounds}${mode === "lazy" ? "?" : ""}`,
        repetitions: part.repetitions + (most > 1 ? (endless || most > 16 ? 1 : 0) : 0),
        nested: part.nested || (most > 1 && part.repetitions > 0),
      };
      part = mode === "possessive" ? this.#atomic(grown.source, grown) : grown;
      first = false;
    }
  }

  #optionSwitch(options: Options): Options | undefined {
    const switched = this.#cursor.match(/^\(\?([imx]*)(?:-([imx]*))?\)/u);
    return switched === undefined ? undefined : changed(options, switched[1]!, switched[2] ?? "");
  }

  #skipped(): boolean {
    return this.#cursor.match(/^(?:[ \t\n\r\f\v]+|#[^\n]*)/u) !== undefined;
  }
}

function changed(options: Options, on: string, off: string): Options {
  const value = (letter: string, now: boolean): boolean => (off.includes(letter) ? false : on.includes(letter) || now);
  return { ignoreCase: value("i", options.ignoreCase), dotAll: value("m", options.dotAll), extended: value("x", options.extended) };
}

/** Whether a source is one character or one class, so that a quantifier behind it takes it whole. */
function isSingle(source: string): boolean {
  return /^\\u\{[0-9a-f]+\}$|^\\[pP]\{[^}]*\}$/u.test(source) || (source.startsWith("[") && closing(source) === source.length - 1);
}

function closing(source: string): number {
  let depth = 0;
  for (let index = 0; index < source.length; index++) {
    if (source[index] === "\\") index++;
    else if (source[index] === "[") depth++;
    else if (source[index] === "]" && --depth === 0) return index;
  }
  return -1;
}
